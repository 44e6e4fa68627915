import { setImmediate } from 'node:timers/promises';

/** Values copied in one turn of the event loop; gathered one by one they take a few milliseconds. */
const SLICE_VALUES = 2 * 1024 * 1024;

/** What is kept of a matrix. */
export interface MatrixCut {
  /** [rows, columns] before the cut; a vector has one column. */
  readonly rows: number;
  readonly columns: number;
  /** Kept rows, ascending; undefined: all. */
  readonly keptRows: Int32Array | undefined;
  /** Kept columns, ascending; undefined: all. */
  readonly keptColumns: Int32Array | undefined;
  readonly valueBytes: 2 | 4;
}

/**
 * The kept rows and columns of a row-major matrix, bit for bit: values are moved, never converted.
 *
 * @param bytes the matrix, aligned to its value size
 */
export async function cutMatrix(bytes: Uint8Array, cut: MatrixCut): Promise<Uint8Array> {
  const { columns, keptRows, keptColumns } = cut;
  if (keptRows === undefined && keptColumns === undefined) return bytes;
  const count = cut.rows * columns;
  const source =
    cut.valueBytes === 2
      ? new Uint16Array(bytes.buffer, bytes.byteOffset, count)
      : new Uint32Array(bytes.buffer, bytes.byteOffset, count);
  const rows = keptRows?.length ?? cut.rows;
  const width = keptColumns?.length ?? columns;
  const target = cut.valueBytes === 2 ? new Uint16Array(rows * width) : new Uint32Array(rows * width);
  const rowsATurn = Math.max(1, Math.floor(SLICE_VALUES / Math.max(1, width)));
  for (let row = 0; row < rows; row += 1) {
    if (row > 0 && row % rowsATurn === 0) await setImmediate();
    const from = (keptRows === undefined ? row : (keptRows[row] as number)) * columns;
    const to = row * width;
    if (keptColumns === undefined) target.set(source.subarray(from, from + columns), to);
    else for (let i = 0; i < width; i += 1) target[to + i] = source[from + (keptColumns[i] as number)] as number;
  }
  return new Uint8Array(target.buffer);
}
