import type { TransposedProduct } from '../../core/ports/compensation.js';
import { factoriseInPlace, invertTransposed } from './cholesky.js';

const FACTORISED_SIZE = 768;

/**
 * Floating-point operations per second of a large factorisation and its inverse, by the fastest of five: the first ones are
 * compiled, and on a busy machine one that was set aside for others looked thirty times as slow as it is. Takes a
 * quarter of a second.
 */
export async function measureFactorisation(multiplyTransposed: TransposedProduct, now: () => number): Promise<number> {
  let took = Infinity;
  for (let run = 0; run < 5; run++) {
    const matrix = new Float64Array(FACTORISED_SIZE ** 2);
    for (let row = 0; row < FACTORISED_SIZE; row++) matrix[row * (FACTORISED_SIZE + 1)] = 1;
    const from = now();
    await factoriseInPlace(matrix, FACTORISED_SIZE, { multiplyTransposed });
    await invertTransposed(matrix, FACTORISED_SIZE, { multiplyTransposed });
    took = Math.min(took, now() - from);
  }
  return ((2 / 3) * FACTORISED_SIZE ** 3) / (Math.max(took, 0.01) / 1000);
}
