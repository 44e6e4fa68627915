import { z } from 'zod';
import type { OutputColumn } from '../../core/ports/criterion.js';
import { defineCriterion, scopeOption } from '../define.js';

/**
 * Fluctuation: an input that hardly varies can be replaced by a bias, so units whose inputs vary matter
 * ("Fluctuation-based Adaptive Structured Pruning for Large Language Models", FLAP, arXiv 2312.11983): var(x) * (sum
 * w^2 of the column of down or o).
 *
 * A head adds up its columns, a key-value group its heads. Raw scores compare within one layer and one kind of unit
 * only.
 */
export default defineCriterion({
  id: 'fluctuation',
  summary: 'Variance of the input of each output column of a unit, times the sum of its squared weights.',
  needs: ['weights', 'activations'],
  options: z.strictObject({ scope: scopeOption }),
  /** One score per unit, in the order of `units`; higher = keep. */
  score: ({ units }) =>
    Float32Array.from(units, ({ columns }) => columns.reduce((sum, column) => sum + scoreColumn(column), 0)),
});

function scoreColumn({ weights, mean, meanSquare }: OutputColumn): number {
  let sum = 0;
  for (const w of weights) sum += w * w;
  return (meanSquare - mean * mean) * sum;
}
