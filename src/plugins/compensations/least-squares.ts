import { z } from 'zod';
import type { HalfBlock, PreparedCompensation } from '../../core/ports/compensation.js';
import { factoriseInPlace, invertLower } from '../../engine/compensation/factorise.js';
import { defineCompensation } from '../api.js';

const options = z.strictObject({
  damping: z.number().gt(0).max(10).default(0.01).describe('Added to the diagonal of the Gram matrix, as a share of its mean.'),
});

/**
 * The kept weights of o and down that bring the half-block's output nearest to the unpruned one, by least squares over
 * the calibration text. No bias, so every export takes it.
 *
 * With units in ranked order, X their inputs, W their weights, G = X^T X / tokens + lambda I = L L^T and lambda = damping *
 * mean diag(X^T X) / tokens, the best weights of the first k units, damping on the right-hand side too, are
 * (L^-T)[:k,:k] (L^T W)[:k]: the factor of a leading block is the leading block of the factor, so one factorisation
 * serves every width. The error of width k is the sum of squares of (L^T W)[k:].
 */
export default defineCompensation({
  id: 'least-squares',
  summary: 'Fits the kept weights so that the outputs stay nearest to the unpruned ones.',
  options,
  needs: ['gram'],
  addsBias: false,
  prepare: (half, chosen) => prepare(half, chosen.damping),
});

async function prepare({ weights, rows, hidden, gram, multiplyTransposed }: HalfBlock, damping: number): Promise<PreparedCompensation> {
  if (gram === undefined) throw new RangeError('least-squares needs the Gram matrices of the calibration');
  let trace = 0;
  for (let row = 0; row < rows; row++) trace += gram[row * rows + row] as number;
  // A text on which nothing ever goes in leaves the weights as they are.
  const lambda = Math.max((damping * trace) / rows, Number.MIN_VALUE);
  for (let row = 0; row < rows; row++) gram[row * rows + row] = (gram[row * rows + row] as number) + lambda;
  factoriseInPlace(gram, rows);
  const inverse = Float32Array.from(invertLower(gram, rows)); // L^-1
  const target = await multiplyTransposed(lowerOf(gram, rows), weights, { inner: rows, rows, columns: hidden }); // V = L^T W
  return {
    mend: async (width) => ({
      weights: await multiplyTransposed(leadingBlock(inverse, rows, width), target.subarray(0, width * hidden), { inner: width, rows: width, columns: hidden }),
    }),
    error: (width) => {
      let sum = 0;
      for (let at = width * hidden; at < target.length; at++) sum += (target[at] as number) ** 2;
      return sum;
    },
  };
}

/** The lower half with its diagonal, zeros above, in float32. */
function lowerOf(matrix: Float64Array, size: number): Float32Array {
  const lower = new Float32Array(size * size);
  for (let row = 0; row < size; row++) lower.set(matrix.subarray(row * size, row * size + row + 1), row * size);
  return lower;
}

/** The first `width` rows and columns of a square matrix. */
function leadingBlock(matrix: Float32Array, size: number, width: number): Float32Array {
  const block = new Float32Array(width * width);
  for (let row = 0; row < width; row++) block.set(matrix.subarray(row * size, row * size + width), row * width);
  return block;
}
