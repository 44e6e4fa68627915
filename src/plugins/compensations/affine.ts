import { z } from 'zod';
import { countFitBytes, fitLeastSquares } from '../../engine/compensation/fit-least-squares.js';
import { defineCompensation } from '../define.js';

/**
 * Least squares with an additional constant input, undamped, whose weights become a bias of o and down. A dropped
 * half-block leaves its mean output behind. The best choice if the export can hold a bias.
 */
export default defineCompensation({
  id: 'affine',
  summary: 'Fits the kept weights and a bias so that the outputs stay closest to the unpruned ones.',
  options: z.strictObject({
    damping: z
      .number()
      .gt(0)
      .max(10)
      .default(0.1)
      .describe('Added to the diagonal of the Gram matrix, as a share of its mean; the constant is not damped.'),
  }),
  needs: ['mean', 'gram'],
  addsBias: true,
  preparingBytes: (rows, hidden) => countFitBytes(rows, hidden, { constant: 'first' }),
  prepare: (half, { damping }) => fitLeastSquares(half, { damping, constant: 'first' }),
});
