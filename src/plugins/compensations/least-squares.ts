import { z } from 'zod';
import { fitLeastSquares } from '../../engine/compensation/fit-least-squares.js';
import { defineCompensation } from '../api.js';

/**
 * Least squares on the calibration text: the kept weights of o and down that leave the outputs nearest to the unpruned
 * ones. No bias, so every export takes it.
 */
export default defineCompensation({
  id: 'least-squares',
  summary: 'Fits the kept weights so that the outputs stay nearest to the unpruned ones.',
  options: z.strictObject({
    damping: z.number().gt(0).max(10).default(0.01).describe('Added to the diagonal of the Gram matrix, as a share of its mean.'),
  }),
  needs: ['gram'],
  addsBias: false,
  prepare: (half, { damping }) => fitLeastSquares(half, { damping, constant: 'none' }),
});
