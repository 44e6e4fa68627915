import { z } from 'zod';
import { definePredictorChooser } from '../define.js';

const options = z.strictObject({
  folds: z.int().min(2).max(20).default(5).describe('Parts of the pairs, each predicted by fits on the others.'),
  among: z
    .array(z.string())
    .default([])
    .describe('Ids of the predictors that may be chosen; empty for all that need no options.'),
});

/**
 * Chooses the predictor that best ranks pairs it was not fitted on: k-fold cross-validation with the same folds for
 * all, compared by Kendall tau. The chosen one is stored, with the scores of all.
 */
export default definePredictorChooser({
  id: 'auto',
  summary: 'The predictor that ranks unseen pairs best, by k-fold cross-validation over all.',
  options,
  pairs: { least: 5, most: 20_000 },
  compare: ({ folds, among }) => ({ folds, among }),
});
