import { z } from 'zod';
import type { HalfBlock } from '../../core/ports/compensation.js';
import { defineCompensation } from '../define.js';

/**
 * The mean of what was removed, as a bias on o and down: mean(x_removed) W_removed (FLAP, arXiv 2312.11983). A dropped
 * half-block leaves its mean output behind.
 */
export default defineCompensation({
  id: 'mean',
  summary: 'Adds the mean output of what was removed as a bias.',
  options: z.strictObject({}),
  needs: ['mean'],
  addsBias: true,
  prepare: (half) => ({
    compensate: (width) => ({ weights: half.weights.subarray(0, width * half.hidden), bias: meanOutput(half, width) }),
  }),
});

/** Sum over the removed rows of mean input times weights, [hidden]. */
function meanOutput({ weights, rows, hidden, mean }: HalfBlock, width: number): Float32Array {
  if (mean === undefined) throw new RangeError('the compensation mean needs the means of the calibration');
  const sums = new Float64Array(hidden);
  for (let row = width; row < rows; row++) {
    const input = mean[row] as number;
    for (let column = 0; column < hidden; column++)
      sums[column] = (sums[column] as number) + input * (weights[row * hidden + column] as number);
  }
  return Float32Array.from(sums);
}
