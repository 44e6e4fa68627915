import type { TransposedProduct } from '../../core/ports/compensation.js';

/** C = A^T B by the definition, summed in float64: for the small matrices of the kits. */
export const multiplyTransposed: TransposedProduct = async (a, b, { inner, rows, columns }) => {
  const product = new (a instanceof Float64Array ? Float64Array : Float32Array)(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += (a[k * rows + row] as number) * (b[k * columns + column] as number);
      product[row * columns + column] = sum;
    }
  return product as typeof a;
};
