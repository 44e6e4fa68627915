import { z } from 'zod';
import { defineCriterion, scopeOption } from '../define.js';

/**
 * Magnitude: a unit matters as much as its weights are large ("Pruning Filters for Efficient ConvNets", arXiv
 * 1608.08710).
 *
 * Over all weights w of the unit together, `l1` is sum |w| and `l2` is sqrt(sum w^2). Needs no calibration text.
 * Raw scores compare within one layer and one kind of unit only: wider units have larger norms.
 */
export default defineCriterion({
  id: 'magnitude',
  summary: 'L1 or L2 norm of the weights of each unit.',
  needs: ['weights'],
  options: z.strictObject({
    norm: z.enum(['l1', 'l2']).default('l2').describe('Which norm of the weights is the score.'),
    scope: scopeOption,
  }),
  /** One score per unit, in the order of `units`; higher = keep. */
  score: ({ units }, { norm }) => Float32Array.from(units, (unit) => measureNorm(unit.weights, norm)),
});

function measureNorm(slices: readonly Float32Array[], norm: 'l1' | 'l2'): number {
  let sum = 0;
  for (const slice of slices) for (const w of slice) sum += norm === 'l1' ? Math.abs(w) : w * w;
  return norm === 'l1' ? sum : Math.sqrt(sum);
}
