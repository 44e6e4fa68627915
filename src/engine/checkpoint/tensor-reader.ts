import type { CheckpointFiles } from '../files/checkpoint-files.js';
import type { Checkpoint, TensorEntry } from './checkpoint.js';
import { readBytes, readValues } from './read-values.js';

/**
 * Reads the tensors of a checkpoint. Throws RangeError for a tensor that it does not have, MODEL_MALFORMED if a value
 * is not finite, and MODEL_CHANGED.
 */
export function createTensorReader(
  files: Pick<CheckpointFiles, 'use'>,
  tensors: ReadonlyMap<string, TensorEntry>,
): Pick<Checkpoint, 'readTensor' | 'readRows' | 'readBytes'> {
  const find = (name: string): TensorEntry => {
    const entry = tensors.get(name);
    if (entry === undefined) throw new RangeError(`the checkpoint has no tensor ${name}`);
    return entry;
  };
  // Tensors that were read whole and found finite once: if a file changes after that, its reads throw MODEL_CHANGED.
  const finite = new Set<string>();
  return {
    readTensor: async (name) => {
      const entry = find(name);
      const values = await files.use(entry.file, (handle) =>
        readValues(handle, entry, finite.has(name) ? 'known finite' : 'unknown'),
      );
      finite.add(name);
      return values;
    },
    readRows: async (name, first, count) => {
      const entry = find(name);
      return files.use(entry.file, (handle) =>
        readValues(handle, cutRows(entry, first, count), finite.has(name) ? 'known finite' : 'unknown'),
      );
    },
    readBytes: async (name, rows, allocate = (bytes) => new Uint8Array(bytes)) => {
      const entry = find(name);
      const part = rows === undefined ? entry : cutRows(entry, rows.first, rows.count);
      return files.use(entry.file, (handle) =>
        readBytes(handle, part, allocate(part.bytes), finite.has(name) ? 'known finite' : 'unknown'),
      );
    },
  };
}

/** The place of some neighbouring rows of a matrix. Throws RangeError if it does not have them. */
export function cutRows(entry: TensorEntry, first: number, count: number): TensorEntry {
  const [rows = 0, ...rest] = entry.shape;
  if (first < 0 || count < 0 || first + count > rows)
    throw new RangeError(`${entry.name} has ${rows} rows, so ${count} rows from row ${first} do not exist`);
  const rowBytes = rows === 0 ? 0 : entry.bytes / rows;
  return {
    ...entry,
    shape: [count, ...rest],
    offset: entry.offset + first * rowBytes,
    bytes: count * rowBytes,
    firstRow: first,
  };
}
