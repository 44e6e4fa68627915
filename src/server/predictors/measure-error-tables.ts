import type { ErrorTable } from '../../core/features/error-table.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { SearchSpace, Dimension } from '../../core/space/search-space.js';
import type { LanguageModel } from '../../engine/language-model.js';
import { PredictorFeatures } from '../../gen/prunecast/v1/predictor_types.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import { measureLayerErrors } from '../recipes/allocation-inputs.js';
import type { RankedModel } from '../recipes/prepare-recipe.js';
import type { ResolvedRecipe } from '../requests/recipe.js';
import { sumErrors, type LayerErrors } from '../../search/controls/calibration-error.js';

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

/**
 * The calibration errors of a recipe as features: for each dimension of key-value groups or channels, the error by kept
 * count, each layer's relative to that of keeping nothing, summed over tied layers. Query heads inside groups have
 * none.
 *
 * @param errors one entry per layer of the model
 */
export function listErrorTables(dimensions: readonly Dimension[], errors: readonly LayerErrors[]): ErrorTable[] {
  return dimensions.filter(hasErrors).map((dimension) => ({
    dimension: dimension.name,
    errors: Float32Array.from({ length: dimension.size + 1 }, (_, kept) => sumErrors(dimension, errors, kept)),
  }));
}

/** Whether the calibration errors of a dimension's widths are known. */
export function hasErrors({ kind }: Dimension): boolean {
  return kind !== 'query_heads_per_kv';
}
