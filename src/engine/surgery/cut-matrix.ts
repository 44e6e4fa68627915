import type { RowRange } from '../../core/ports/exporter.js';

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
  let spare: Uint8Array = new Uint8Array(0);
  return {
    take: (bytes) => {
      const memory = spare.length < bytes ? new Uint8Array(bytes) : spare;
      spare = new Uint8Array(0);
      return memory;
    },
    giveBack: (memory) => {
      spare = memory;
    },
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
  const width = keptColumns?.length ?? columns;
  const target = valueBytes === 2 ? new Uint16Array(rows.count * width) : new Uint32Array(rows.count * width);
  const placeOf = (row: number): number => keptRows?.[row] ?? row;
  const most = Math.max(1, Math.floor(SLICE_VALUES / columns));
  const end = rows.first + rows.count;
  const memory = scratch.take(most * columns * valueBytes);
  for (let row = rows.first, next = row; row < end; row = next) {
    const first = placeOf(row);
    while (next < end && placeOf(next) < first + most) next += 1;
    const range = { first, count: placeOf(next - 1) + 1 - first };
    const bytes = await read(range, (length) => memory.subarray(0, length));
    const count = bytes.length / valueBytes;
    const source =
      valueBytes === 2
        ? new Uint16Array(bytes.buffer, bytes.byteOffset, count)
        : new Uint32Array(bytes.buffer, bytes.byteOffset, count);
    for (let kept = row; kept < next; kept += 1) {
      const from = (placeOf(kept) - first) * columns;
      const to = (kept - rows.first) * width;
      if (keptColumns === undefined) target.set(source.subarray(from, from + columns), to);
      else for (let i = 0; i < width; i += 1) target[to + i] = source[from + (keptColumns[i] as number)] as number;
    }
  }
  scratch.giveBack(memory);
  return new Uint8Array(target.buffer);
}
