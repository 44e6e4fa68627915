import { z } from 'zod';
import { countFitBytes, fitLeastSquares, fitStream } from '../../engine/compensation/fit-least-squares.js';
import { defineCompensation } from '../define.js';

/**
 * Least squares on the calibration text: the kept weights of o and down that leave the outputs nearest to the unpruned
 * ones. No bias, so every export takes it.
 *
 * `one-shot` fits on the dense model's inputs, and one factorisation serves every width. `stream` goes layer by layer on what
 * the pruned and compensated layers before give, and so makes up for their errors too: a calibration pass for each architecture,
 * for finalists and outputs; it overfits where there are few tokens a channel.
 */
export default defineCompensation({
  id: 'least-squares',
  summary: 'Fits the kept weights so that the outputs stay nearest to the unpruned ones.',
  options: z.strictObject({
    damping: z
      .number()
      .gt(0)
      .max(10)
      .default(0.01)
      .describe('Added to the diagonal of the Gram matrix, as a share of its mean.'),
    fit: z
      .enum(['one-shot', 'stream'])
      .default('one-shot')
      .describe(
        'On the inputs of the dense model, or layer by layer on those of the pruned one: better from some 20 tokens a channel on, and a calibration pass for each architecture.',
      ),
  }),
  needs: ['gram'],
  addsBias: false,
  preparingBytes: (rows, hidden) => countFitBytes(rows, hidden, { constant: 'none' }),
  prepare: (half, { damping }) => fitLeastSquares(half, { damping, constant: 'none' }),
  stream: {
    option: 'fit',
    isAsked: ({ fit }) => fit === 'stream',
    ask: (options) => ({ ...options, fit: 'stream' as const }),
    fit: (half, { damping }) => fitStream(half, damping),
  },
});
