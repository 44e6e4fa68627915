import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ErrorTable } from '../../core/features/error-table.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import type { LanguageModel } from '../../engine/language-model.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import { measureLayerErrors } from '../recipes/allocation-inputs.js';
import type { RankedModel } from '../recipes/prepare-recipe.js';
import type { RecipeSpec } from '../recipes/recipe-spec.js';
import { readEnum } from '../requests/fields.js';
import { hasErrors, listErrorTables } from './list-error-tables.js';

/**
 * The features that a request asks for; where it is silent the rates, or errors too where all recipes have a calibration text.
 *
 * @param recipes under which errors may be measured; none where they come from elsewhere
 * @param silent what a request gets that does not say
 * @throws PrunecastError INVALID_REQUEST, also for errors under a recipe that has no calibration text
 */
export function readFeatures(
  features: PredictorFeatures,
  recipes: readonly RecipeSpec[],
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

/** Columns of a predictor's input: the rates, the errors that `listErrorTables` has, and their sum. */
export function countInputs({ dimensions }: SearchSpace, features: PredictorFeatures): number {
  return (
    dimensions.length + (features === PredictorFeatures.RATES_AND_ERRORS ? dimensions.filter(hasErrors).length + 1 : 0)
  );
}

export interface MeasuredModel {
  readonly language: LanguageModel;
  readonly recipe: RecipeSpec;
  /** The model under the recipe, prepared where it is needed. */
  readonly rank: () => Promise<RankedModel>;
}

/**
 * The tables that the features of a predictor come from, under one recipe; none where rates are all it sees.
 * `readFeatures` has refused a recipe without calibration text.
 */
export async function measureErrorTables(
  plugins: PluginRegistry,
  features: PredictorFeatures,
  { dimensions }: SearchSpace,
  { language, recipe, rank }: MeasuredModel,
  work: WorkContext,
): Promise<ErrorTable[]> {
  if (features !== PredictorFeatures.RATES_AND_ERRORS) return [];
  const errors = await measureLayerErrors(plugins, language, recipe, await rank(), work);
  if (errors === undefined)
    throw new RangeError(`the recipe ${recipe.digest} has no calibration text to measure errors on`);
  return listErrorTables(dimensions, errors);
}
