import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import { readEnum } from './fields.js';
import type { ResolvedRecipe } from './recipe.js';

/**
 * The features that a request asks for. If omitted they are the rates, or errors too where all recipes have a calibration text.
 *
 * @param recipes under which errors may be measured; none where they come from elsewhere
 * @param silent what a request gets that names none
 * @throws PrunecastError INVALID_REQUEST, also for errors under a recipe that has no calibration text
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
      'is RATES_AND_ERRORS, and a recipe reads no calibration text to measure errors on: take a criterion or compensation that does, or leave the features at the rates',
    );
  }
  return asked;
}
