import { z } from 'zod';
import { defineCriterion, scopeOption } from '../define.js';

/**
 * Random: uniform scores from the recipe's seed, which every other criterion has to beat. Needs no calibration text.
 */
export default defineCriterion({
  id: 'random',
  summary: 'Uniform random scores from the seed.',
  needs: [],
  options: z.strictObject({ scope: scopeOption }),
  score: ({ units, rng }) => Float32Array.from(units, () => rng.uniform()),
});
