import type { TensorEntry } from './checkpoint.js';

/** The place of some neighbouring rows of a matrix. Throws RangeError where it has fewer. */
export function cutRows(entry: TensorEntry, first: number, count: number): TensorEntry {
  const [rows = 0, ...rest] = entry.shape;
  if (first < 0 || count < 0 || first + count > rows)
    throw new RangeError(`${entry.name} has ${rows} rows: ${count} from ${first} on are not among them`);
  const rowBytes = rows === 0 ? 0 : entry.bytes / rows;
  return {
    ...entry,
    shape: [count, ...rest],
    offset: entry.offset + first * rowBytes,
    bytes: count * rowBytes,
    firstRow: first,
  };
}
