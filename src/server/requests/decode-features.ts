import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import { readEnum } from './fields.js';
import type { ResolvedRecipe } from './recipe.js';

/**
 * The features that a request asks for. If omitted: rates and errors if all recipes have a calibration text, otherwise
 * only the rates.
 *
 * @param recipes the recipes under which errors may be measured; none if the errors come from elsewhere
 * @param silent the features of a request that names none
 * @throws PrunecastError INVALID_REQUEST, also for errors under a recipe without calibration text
 */
export function decodeFeatures(
  features: PredictorFeatures,
  recipes: readonly Pick<ResolvedRecipe, 'calibration'>[],
  silent: 'rates' | 'errors' = 'rates',
): PredictorFeatures {
  const measurable = silent === 'errors' && recipes.every(({ calibration }) => calibration !== undefined);
  const asked = readEnum(features) ?? (measurable ? PredictorFeatures.RATES_AND_ERRORS : PredictorFeatures.RATES);
  if (asked === PredictorFeatures.RATES_AND_ERRORS && recipes.some(({ calibration }) => calibration === undefined)) {
    throw PrunecastError.ofField(
      'features',
      'is RATES_AND_ERRORS, but a recipe has no calibration text to measure errors on: take a criterion or compensation that needs one, or use the rates as the only features',
    );
  }
  return asked;
}
