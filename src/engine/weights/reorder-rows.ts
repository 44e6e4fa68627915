/** The rows of a [rows, length] matrix in another order; the matrix itself where the order changes nothing. */
export function reorderRows(matrix: Float32Array, length: number, order: readonly number[]): Float32Array {
  if (isIdentity(order, matrix.length / length)) return matrix;
  const reordered = new Float32Array(order.length * length);
  order.forEach((row, place) => reordered.set(matrix.subarray(row * length, (row + 1) * length), place * length));
  return reordered;
}

/** The columns of a [rows, columns] matrix in another order, as rows: [order.length, rows]. */
export function transposeColumns(matrix: Float32Array, columns: number, order: readonly number[]): Float32Array {
  const rows = matrix.length / columns;
  const transposed = new Float32Array(order.length * rows);
  // In tiles: both sides of a tile stay in the first-level cache.
  for (let place = 0; place < order.length; place += TILE) {
    const end = Math.min(place + TILE, order.length);
    for (let top = 0; top < rows; top += TILE) {
      const bottom = Math.min(top + TILE, rows);
      for (let target = place; target < end; target++) {
        const column = order[target] as number;
        for (let row = top; row < bottom; row++)
          transposed[target * rows + row] = matrix[row * columns + column] as number;
      }
    }
  }
  return transposed;
}

/** Blocks of `size` neighbouring rows in another order, as an order of rows. */
export function expandOrder(order: readonly number[], size: number): number[] {
  return order.flatMap((block) => Array.from({ length: size }, (_, row) => block * size + row));
}

const TILE = 32;

function isIdentity(order: readonly number[], rows: number): boolean {
  return order.length === rows && order.every((row, place) => row === place);
}
