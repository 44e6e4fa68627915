import type { ErrorTable } from '../../core/features/error-table.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import type { LanguageModel } from '../../engine/language-model.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { measureLayerErrors } from '../recipes/allocation-inputs.js';
import type { RankedModel } from '../recipes/prepare-recipe.js';
import type { ResolvedRecipe } from '../requests/recipe.js';
import { hasErrors, listErrorTables } from './list-error-tables.js';

/** Columns of a predictor's input: the rates, the errors that `listErrorTables` returns, and their sum. */
export function countInputs({ dimensions }: SearchSpace, features: PredictorFeatures): number {
  return (
    dimensions.length + (features === PredictorFeatures.RATES_AND_ERRORS ? dimensions.filter(hasErrors).length + 1 : 0)
  );
}

export interface MeasuredModel {
  readonly language: LanguageModel;
  readonly recipe: ResolvedRecipe;
  /** The model under the recipe, prepared if needed. */
  readonly rank: () => Promise<RankedModel>;
}

/**
 * The tables that a predictor's features come from, under one recipe; none if rates are its only input.
 * `decodeFeatures` has refused a recipe without calibration text.
 */
export async function measureErrorTables(
  plugins: PluginLookup,
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
