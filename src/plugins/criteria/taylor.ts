import { z } from 'zod';
import type { Unit } from '../../core/ports/criterion.js';
import { defineCriterion, scopeOption } from '../define.js';

const options = z.strictObject({
  order: z
    .enum(['vectorize', 'first', 'second', 'mix'])
    .default('first')
    .describe(
      '`vectorize`: abs(sum w g); `first`: sum abs(w g); `second`: sum abs(w^2 mean_n g_n^2); `mix`: sum abs(w g - 1/2 w^2 mean_n g_n^2).',
    ),
  scope: scopeOption,
});

type Order = z.output<typeof options>['order'];

/**
 * Taylor: a unit matters as much as the loss would change without it, by the first terms of its expansion ("LLM-Pruner:
 * On the Structural Pruning of Large Language Models", arXiv 2305.11627).
 *
 * Over all weights w of the unit, g being the gradient of the mean next-token loss and g_n that of calibration sequence
 * n. Biases and norms do not belong to a unit. Raw scores compare within one layer and one kind of unit only.
 */
export default defineCriterion({
  id: 'taylor',
  summary: 'Change of the loss if the unit is removed, to first or second order.',
  needs: ['weights', 'gradients'],
  options,
  /** One score per unit, in the order of `units`; higher = keep. */
  score: ({ units }, { order }) => Float32Array.from(units, (unit) => scoreUnit(unit, order)),
});

/** NaN if the gradients are missing, so that it is noticed. */
function scoreUnit({ weights, gradients, meanSquaredGradients }: Unit, order: Order): number {
  const term = TERMS[order];
  let sum = 0;
  weights.forEach((slice, index) => {
    const first = gradients?.[index];
    const second = meanSquaredGradients?.[index];
    for (let at = 0; at < slice.length; at++) sum += term(slice[at] as number, first?.[at] ?? NaN, second?.[at] ?? NaN);
  });
  return order === 'vectorize' ? Math.abs(sum) : sum;
}

/** What one weight contributes, from its value, its gradient, and the mean of the sequences' squared gradients. */
const TERMS: Readonly<Record<Order, (w: number, g: number, meanSquare: number) => number>> = {
  vectorize: (w, g) => w * g,
  first: (w, g) => Math.abs(w * g),
  second: (w, _, meanSquare) => w * w * meanSquare,
  mix: (w, g, meanSquare) => Math.abs(w * g - 0.5 * w * w * meanSquare),
};
