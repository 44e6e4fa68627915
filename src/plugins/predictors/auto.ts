import { z } from 'zod';
import { definePredictorChooser } from '../define.js';

const options = z.strictObject({
  folds: z.int().min(2).max(20).default(5).describe('Parts of the pairs, each predicted by fits on the others.'),
  among: z
    .array(z.string())
    .default([])
    .describe('Ids of the predictors that may be chosen; none for all that need no options.'),
});

/**
 * The predictor that ranks pairs best that it was not fitted on: k-fold cross-validation over all, the same folds for each,
 * chosen by Kendall tau. What is stored is the chosen one, with the scores of all beside it.
 */
export default definePredictorChooser({
  id: 'auto',
  summary: 'The predictor that ranks unseen pairs best, by k-fold cross-validation over all.',
  options,
  pairs: { least: 5, most: 20_000 },
  compare: ({ folds, among }) => ({ folds, among }),
});
