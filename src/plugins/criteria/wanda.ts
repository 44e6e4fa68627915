import { z } from 'zod';
import type { OutputColumn } from '../../core/ports/criterion.js';
import { defineCriterion, scopeOption } from '../define.js';

/**
 * Wanda: weights count as much as their inputs are large ("A Simple and Effective Pruning Approach for Large Language
 * Models", arXiv 2306.11695), summed over whole columns of down or o: (sum |w|) * sqrt(mean x^2).
 *
 * A head adds up its columns, a key-value group its heads. Raw scores compare within one layer and one kind of unit
 * only.
 */
export default defineCriterion({
  id: 'wanda',
  summary: 'Sum of absolute output weights of each unit, times the root mean square of their input.',
  needs: ['weights', 'activations'],
  options: z.strictObject({ scope: scopeOption }),
  /** One score per unit, in the order of `units`; higher = keep. */
  score: ({ units }) =>
    Float32Array.from(units, ({ columns }) => columns.reduce((sum, column) => sum + scoreColumn(column), 0)),
});

function scoreColumn({ weights, meanSquare }: OutputColumn): number {
  let sum = 0;
  for (const w of weights) sum += Math.abs(w);
  return sum * Math.sqrt(meanSquare);
}
