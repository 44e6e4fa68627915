import type { TransposedProduct } from '../../src/core/ports/compensation.js';

/** By the definition, one sum per number. */
export const multiplyTransposed: TransposedProduct = async (a, b, { inner, rows, columns }) => {
  const product = new (a instanceof Float64Array ? Float64Array : Float32Array)(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += (a[k * rows + row] ?? NaN) * (b[k * columns + column] ?? NaN);
      product[row * columns + column] = sum;
    }
  return product as typeof a;
};
