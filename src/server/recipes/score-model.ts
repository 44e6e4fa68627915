import { scopeOf } from '../../core/model/score-scope.js';
import { scopeScores } from '../../engine/ranking/unit-scores.js';
import type { ScoreUnitsRequest, ScoreUnitsResponse } from '../../gen/prunecast/v1/model.js';
import type { RecipePreparer } from './prepare-recipe.js';
import type { RecipeResolver } from './recipe-resolver.js';
import type { OpenModels } from '../models/open-models.js';

/**
 * A criterion's scores, and the calibration errors if the compensation reports them: one message per layer, in order.
 */
export async function* scoreModel(
  {
    models,
    recipes,
    preparer,
  }: { readonly models: OpenModels; readonly recipes: RecipeResolver; readonly preparer: RecipePreparer },
  request: ScoreUnitsRequest,
  signal: AbortSignal,
): AsyncGenerator<ScoreUnitsResponse> {
  const model = await models.open(request.model);
  // Scores alone need no compensation: without a text there is nothing to fit it on and no error to report.
  const silent = request.recipe?.calibration?.text === undefined ? { compensation: 'none' } : {};
  const recipe = await recipes.resolve(request.recipe, model, 'recipe', silent);
  const ranked = await preparer.score(model.language, recipe, { signal });
  const scope = scopeOf(recipe.criterion.options);
  const errors =
    ranked.recipe.compensation === undefined ? [] : await model.language.calibrationErrors(ranked.recipe, { signal });
  for (const [layer, { ffnChannels, queryHeads, kvGroups }] of ranked.scores
    .map((scores) => scopeScores(scores, scope))
    .entries()) {
    yield {
      layer,
      ffnChannels: toBytes(ffnChannels),
      queryHeads: toBytes(queryHeads),
      kvGroups: toBytes(kvGroups),
      recipeDigest: recipe.digest,
      ffnErrors: toBytes(Float32Array.from(errors[layer]?.ffn ?? [])),
      attentionErrors: toBytes(Float32Array.from(errors[layer]?.attention ?? [])),
    };
  }
}

/** Little-endian float32: the order of every platform that ONNX Runtime supports. */
function toBytes(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
