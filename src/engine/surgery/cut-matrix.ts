import type { RowRange } from '../../core/ports/exporter.js';
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

/** Memory that is used again: gigabytes of it would keep the garbage collector busy. */
export interface Scratch {
  /** At least so many bytes, of any contents. */
  take(bytes: number): Uint8Array;
  giveBack(memory: Uint8Array): void;
}

export function createScratch(): Scratch {
  const spare: Uint8Array[] = []; // as many as were ever in use at once
  return {
    take: (bytes) => {
      const memory = spare.pop();
      return memory === undefined || memory.length < bytes ? new Uint8Array(bytes) : memory;
    },
    giveBack: (memory) => void spare.push(memory),
  };
}

/**
 * Some of the kept rows of a row-major matrix with their kept columns, bit for bit: values are moved, never converted.
 *
 * @param rows counted among the kept ones
 * @param read the bytes of neighbouring rows of the whole matrix, in memory that it has allocated
 * @param scratch for rows of the whole matrix
 */
export async function cutMatrix(
  { columns, keptRows, keptColumns, valueBytes }: MatrixCut,
  rows: RowRange,
  read: (rows: RowRange, allocate?: (bytes: number) => Uint8Array) => Promise<Uint8Array>,
  scratch: Scratch,
): Promise<Uint8Array> {
  if (keptRows === undefined && keptColumns === undefined) return read(rows);
  const rowBytes = columns * valueBytes;
  const cutBytes = (keptColumns?.length ?? columns) * valueBytes;
  const target = new Uint8Array(rows.count * cutBytes);
  const placeOf = (row: number): number => keptRows?.[row] ?? row;
  const most = Math.max(1, Math.floor(SLICE_VALUES / columns));
  const end = rows.first + rows.count;
  const memory = scratch.take(most * rowBytes);
  for (let row = rows.first, next = row; row < end; row = next) {
    const first = placeOf(row);
    while (next < end && placeOf(next) < first + most) next += 1;
    const range = { first, count: placeOf(next - 1) + 1 - first };
    const source = await read(range, (length) => memory.subarray(0, length));
    const copy: CopyColumns =
      keptColumns === undefined ? (bytes, cut) => cut.set(bytes) : prepareColumns(columns, keptColumns, valueBytes);
    for (let kept = row; kept < next; kept += 1) {
      const [from, to] = [(placeOf(kept) - first) * rowBytes, (kept - rows.first) * cutBytes];
      copy(source.subarray(from, from + rowBytes), target.subarray(to, to + cutBytes));
    }
  }
  scratch.giveBack(memory);
  return target;
}
