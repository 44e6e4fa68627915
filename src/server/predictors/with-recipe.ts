import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { addRecipes } from '../../core/features/recipe-columns.js';
import { countRows, type EncodingBatch } from '../../core/pairs.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';

/**
 * A batch of rates as a predictor takes them: with their recipe, where its pairs have several.
 *
 * @param digest the recipe of all rows; empty for the only one
 * @throws PrunecastError INVALID_REQUEST for a recipe that no pair has, and for none where there are several
 */
export function withRecipe(
  batch: EncodingBatch,
  { recipeDigests, metricBackends }: Predictor,
  digest: string,
): EncodingBatch {
  const known = recipeDigests.map((recipe) => recipe || '(none)').join(', ') || 'no recipe';
  if (digest !== '' && !recipeDigests.includes(digest))
    throw PrunecastError.ofField('recipe_digest', `is ${digest}; the predictor's pairs have ${known}`);
  // A predictor of an earlier version looked at no recipe.
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
