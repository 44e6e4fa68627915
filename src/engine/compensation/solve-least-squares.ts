import { factoriseInPlace } from './factorise.js';

/**
 * The solution W of G W = R for a symmetric positive definite G, in float64, written over R. Overwrites the lower half of
 * G by its Cholesky factor. `gram` [size, size] and `product` [size, columns], row-major. Throws CALIBRATION_UNUSABLE
 * where G is not positive definite.
 */
export function solveInPlace(gram: Float64Array, product: Float64Array, size: number): void {
  const columns = product.length / size;
  factoriseInPlace(gram, size);
  for (let row = 0; row < size; row++) {
    for (let other = 0; other < row; other++)
      subtractScaled(product, row * columns, other * columns, gram[row * size + other] as number, columns);
    scale(product, row * columns, 1 / (gram[row * size + row] as number), columns);
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let other = row + 1; other < size; other++)
      subtractScaled(product, row * columns, other * columns, gram[other * size + row] as number, columns);
    scale(product, row * columns, 1 / (gram[row * size + row] as number), columns);
  }
}

function subtractScaled(values: Float64Array, to: number, from: number, factor: number, length: number): void {
  for (let k = 0; k < length; k++) values[to + k] = (values[to + k] as number) - factor * (values[from + k] as number);
}

function scale(values: Float64Array, from: number, factor: number, length: number): void {
  for (let k = from; k < from + length; k++) values[k] = (values[k] as number) * factor;
}
