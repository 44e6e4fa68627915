/** A part of a row-major matrix. */
export interface BlockPlace {
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
}

/** A copy of a block of a matrix whose rows have `width` values; [rows, columns]. */
export function copyBlock(matrix: Float64Array, width: number, { top, left, rows, columns }: BlockPlace): Float64Array {
  const block = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const start = (top + row) * width + left;
    block.set(matrix.subarray(start, start + columns), row * columns);
  }
  return block;
}

/** Writes a block, [rows, columns], into a matrix whose rows have `width` values. */
export function pasteBlock(
  matrix: Float64Array,
  width: number,
  { top, left, columns }: Omit<BlockPlace, 'rows'>,
  block: Float64Array,
): void {
  for (let row = 0; row * columns < block.length; row++)
    matrix.set(block.subarray(row * columns, (row + 1) * columns), (top + row) * width + left);
}

/** [columns, rows] of [rows, columns]. */
export function transposeBlock(block: Float64Array, rows: number, columns: number): Float64Array {
  const transposed = new Float64Array(block.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      transposed[column * rows + row] = block[row * columns + column] as number;
  return transposed;
}

/** Subtracts the second array from the first, and returns the first. */
export function subtractInPlace(values: Float64Array, others: Float64Array): Float64Array {
  for (let at = 0; at < values.length; at++) values[at] = (values[at] as number) - (others[at] as number);
  return values;
}
