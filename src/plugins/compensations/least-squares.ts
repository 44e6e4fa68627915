import { z } from 'zod';
import { countFitBytes, fitLeastSquares, fitStream } from '../../engine/compensation/fit-least-squares.js';
import { defineCompensation } from '../define.js';

/**
 * Least squares on the calibration text: the kept weights of o and down that keep the outputs closest to the unpruned
 * ones. It adds no bias, so every exporter can write the result.
 *
 * `one-shot` fits on the dense model's inputs, and one factorisation serves every width. `stream` fits layer by layer
 * on the outputs of the earlier pruned and compensated layers, and so makes up for their errors too. It takes a
 * calibration pass per architecture, so it is for finalists and outputs; with few tokens per channel it overfits.
 */
export default defineCompensation({
  id: 'least-squares',
  summary: 'Fits the kept weights so that the outputs stay closest to the unpruned ones.',
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
        '`one-shot`: on the inputs of the dense model. `stream`: layer by layer on those of the pruned one, which is better with at least 20 tokens per channel, and takes a calibration pass per architecture.',
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
