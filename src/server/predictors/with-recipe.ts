import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { addRecipes } from '../../core/features/recipe-columns.js';
import { countRows, type EncodingBatch } from '../../core/pairs.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';

/**
 * A batch of rates as a predictor takes it: with the recipe as further columns if the predictor's pairs have several.
 *
 * @param digest the recipe of all rows; empty if there is only one
 * @throws PrunecastError INVALID_REQUEST if no pair has the recipe, or it is empty and there are several
 */
export function withRecipe(
  batch: EncodingBatch,
  { recipeDigests, metricBackends }: Predictor,
  digest: string,
): EncodingBatch {
  const known = recipeDigests.map((recipe) => recipe || '(none)').join(', ') || 'no recipe';
  if (digest !== '' && !recipeDigests.includes(digest))
    throw PrunecastError.ofField('recipe_digest', `is ${digest}; the predictor's pairs have ${known}`);
  // A predictor of an earlier version did not distinguish recipes.
  if (metricBackends.length === 0) return batch;
  if (!recipeDigests.includes(digest) && recipeDigests.length > 1)
    throw PrunecastError.ofField(
      'recipe_digest',
      `is empty; the predictor's pairs have several recipes: name one of ${known}`,
    );
  return addRecipes(
    batch,
    recipeDigests,
    Array.from({ length: countRows(batch) }, () => digest),
  );
}
