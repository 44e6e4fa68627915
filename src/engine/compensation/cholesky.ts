import { PrunecastError } from '../../core/errors/prunecast-error.js';

/*
 * Large matrices take minutes: each of these is a generator that yields after every row.
 */

/**
 * The lower factor L of a symmetric positive definite matrix, G = L L^T (Cholesky), row by row in float64. Overwrites
 * the lower half of `matrix`, [size, size] row-major; the upper half is unchanged. Throws CALIBRATION_UNUSABLE if the
 * matrix is not positive definite.
 */
export function* factoriseInPlace(matrix: Float64Array, size: number): Generator<void, void> {
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j <= i; j++) {
      const other = j * size;
      const value = (matrix[row + j] as number) - dot(matrix, row, other, j);
      if (j < i) matrix[row + j] = value / (matrix[other + j] as number);
      else if (value > 0) matrix[row + i] = Math.sqrt(value);
      else throw describeSingular(i, size, value);
    }
    yield;
  }
}

function describeSingular(pivot: number, size: number, value: number): PrunecastError {
  return new PrunecastError(
    'CALIBRATION_UNUSABLE',
    `the least-squares fit has no solution for the inputs that the calibration found (pivot ${pivot} of ${size} is ${value}): raise damping, which is 0.01 by default, or give more calibration text`,
    {
      metadata: { pivot: String(pivot), size: String(size), value: String(value) },
    },
  );
}

/** L^-1 of a lower factor, also lower, [size, size] row-major; zeros above. */
export function* invertLower(factor: Float64Array, size: number): Generator<void, Float64Array> {
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = i * size;
    const scale = 1 / (factor[row + i] as number);
    for (let k = 0; k < i; k++) addScaled(inverse, row, k * size, -(factor[row + k] as number) * scale, k + 1);
    inverse[row + i] = scale;
    yield;
  }
  return inverse;
}

/** The dot product of the first `length` numbers of two rows; four sums at once keep the processor busy. */
function dot(values: Float64Array, a: number, b: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += (values[a + k] as number) * (values[b + k] as number);
    s1 += (values[a + k + 1] as number) * (values[b + k + 1] as number);
    s2 += (values[a + k + 2] as number) * (values[b + k + 2] as number);
    s3 += (values[a + k + 3] as number) * (values[b + k + 3] as number);
  }
  for (; k < length; k++) s0 += (values[a + k] as number) * (values[b + k] as number);
  return s0 + s1 + s2 + s3;
}

function addScaled(values: Float64Array, to: number, from: number, scale: number, length: number): void {
  for (let k = 0; k < length; k++) values[to + k] = (values[to + k] as number) + scale * (values[from + k] as number);
}

/**
 * The solution W of G W = R for a symmetric positive definite G, in float64, written over R. Overwrites the lower half
 * of G with its Cholesky factor. `gram` [size, size] and `product` [size, columns], row-major. Throws
 * CALIBRATION_UNUSABLE if G is not positive definite.
 */
export function* solveInPlace(gram: Float64Array, product: Float64Array, size: number): Generator<void, void> {
  const columns = product.length / size;
  yield* factoriseInPlace(gram, size);
  for (let row = 0; row < size; row++) {
    for (let other = 0; other < row; other++)
      subtractScaled(product, row * columns, other * columns, gram[row * size + other] as number, columns);
    scale(product, row * columns, 1 / (gram[row * size + row] as number), columns);
    yield;
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let other = row + 1; other < size; other++)
      subtractScaled(product, row * columns, other * columns, gram[other * size + row] as number, columns);
    scale(product, row * columns, 1 / (gram[row * size + row] as number), columns);
    yield;
  }
}

function subtractScaled(values: Float64Array, to: number, from: number, factor: number, length: number): void {
  for (let k = 0; k < length; k++) values[to + k] = (values[to + k] as number) - factor * (values[from + k] as number);
}

function scale(values: Float64Array, from: number, factor: number, length: number): void {
  for (let k = from; k < from + length; k++) values[k] = (values[k] as number) * factor;
}
