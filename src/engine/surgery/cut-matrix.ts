import type { RowRange } from '../../core/ports/exporter.js';
import { placeIn, type SpareMemory } from '../checkpoint/piece-memory.js';
import { type CopyColumns, prepareColumns } from '../simd/kernels.js';

/** Values of the matrix that are in memory at a time. */
const SLICE_VALUES = 1024 * 1024;

/** What is kept of a matrix. */
export interface MatrixCut {
  /** Columns before the cut; a vector has one. */
  readonly columns: number;
  /** Kept rows, ascending; undefined: all. */
  readonly keptRows: Int32Array | undefined;
  /** Kept columns, ascending; undefined: all. */
  readonly keptColumns: Int32Array | undefined;
  readonly valueBytes: 2 | 4;
}

/**
 * Some of the kept rows of a row-major matrix with their kept columns, bit for bit: values are moved, never converted.
 *
 * @param rows counted among the kept ones
 * @param read the bytes of neighbouring rows of the whole matrix, in memory that it has allocated
 * @param spares for rows of the whole matrix
 * @param memory where the result may be put
 */
export async function cutMatrix(
  { columns, keptRows, keptColumns, valueBytes }: MatrixCut,
  rows: RowRange,
  read: (rows: RowRange, allocate?: (bytes: number) => Uint8Array) => Promise<Uint8Array>,
  spares: SpareMemory,
  memory?: Uint8Array,
): Promise<Uint8Array> {
  if (keptRows === undefined && keptColumns === undefined) return read(rows, (bytes) => placeIn(memory, bytes));
  const rowBytes = columns * valueBytes;
  const cutBytes = (keptColumns?.length ?? columns) * valueBytes;
  const target = placeIn(memory, rows.count * cutBytes);
  const placeOf = (row: number): number => keptRows?.[row] ?? row;
  const most = Math.max(1, Math.floor(SLICE_VALUES / columns));
  const end = rows.first + rows.count;
  const whole = spares.take(most * rowBytes);
  for (let row = rows.first, next = row; row < end; row = next) {
    const first = placeOf(row);
    while (next < end && placeOf(next) < first + most) next += 1;
    const range = { first, count: placeOf(next - 1) + 1 - first };
    const source = await read(range, (length) => whole.subarray(0, length));
    const copy: CopyColumns =
      keptColumns === undefined ? (bytes, cut) => cut.set(bytes) : prepareColumns(columns, keptColumns, valueBytes);
    for (let kept = row; kept < next; kept += 1) {
      const [from, to] = [(placeOf(kept) - first) * rowBytes, (kept - rows.first) * cutBytes];
      copy(source.subarray(from, from + rowBytes), target.subarray(to, to + cutBytes));
    }
  }
  spares.giveBack(whole);
  return target;
}
