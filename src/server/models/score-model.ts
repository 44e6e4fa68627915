import type { ScoreUnitsRequest, ScoreUnitsResponse } from '../../gen/prunecast/v1/model.js';
import { scoreUnits } from '../recipes/prepare-recipe.js';
import type { RecipeResolver } from '../recipes/recipe-spec.js';
import type { OpenModels } from './open-models.js';

/** A criterion's scores, a message a layer from the first. */
export async function* scoreModel(
  { models, recipes }: { readonly models: OpenModels; readonly recipes: RecipeResolver },
  request: ScoreUnitsRequest,
  signal: AbortSignal,
): AsyncGenerator<ScoreUnitsResponse> {
  const model = await models.open(request.model);
  const recipe = await recipes.resolve(request.recipe, model, 'recipe');
  const scores = await scoreUnits(model.language, recipe, { signal });
  for (const [layer, { ffnChannels, queryHeads, kvGroups }] of scores.entries()) {
    yield {
      layer,
      ffnChannels: toBytes(ffnChannels),
      queryHeads: toBytes(queryHeads),
      kvGroups: toBytes(kvGroups),
      recipeDigest: recipe.digest,
      ffnErrors: NO_ERRORS,
      attentionErrors: NO_ERRORS,
    };
  }
}

const NO_ERRORS = Buffer.alloc(0);

/** Little-endian float32: the order of every platform that ONNX Runtime runs on. */
function toBytes(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
