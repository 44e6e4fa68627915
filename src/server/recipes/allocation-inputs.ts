import type { Compensation } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import type { LayerErrors } from '../../search/controls/calibration-error.js';
import type { LayerScores } from '../../search/controls/global-threshold.js';
import { DEFAULT_PLUGINS } from '../requests/defaults.js';
import type { PluginLookup } from '../requests/plugin-lookup.js';
import type { RankedModel } from './prepare-recipe.js';
import { fitsStream, type ResolvedRecipe } from '../requests/recipe.js';

/** The scores that ranked a model, in the form of control `global-threshold`; undefined if no criterion ranked it. */
export function listLayerScores({ scores }: RankedModel): LayerScores[] | undefined {
  return scores?.map(({ kvGroups, ffnChannels }) => ({ kv_heads: kvGroups, ffn_channels: ffnChannels }));
}

/**
 * The calibration errors of every width under a model's recipe, in the form of control `calibration-error`. They are
 * those of the recipe's compensation or, if it reports none, those of least squares on the recipe's calibration text.
 * Undefined for a recipe without calibration.
 */
export async function measureLayerErrors(
  plugins: PluginLookup,
  language: LanguageModel,
  spec: ResolvedRecipe,
  { recipe }: RankedModel,
  work: WorkContext,
): Promise<readonly LayerErrors[] | undefined> {
  const own = await knownErrors(language, recipe, work);
  if (own !== undefined || spec.calibration === undefined) return own;
  const { plugin, options, moduleUrl } = plugins.resolve(
    'compensation',
    undefined,
    DEFAULT_PLUGINS.errorCompensation,
    'recipe.compensation',
  );
  const calibration = await language.calibrate(spec.calibration.sequences, [...(plugin as Compensation).needs], work);
  return knownErrors(
    language,
    { ranking: recipe.ranking, compensation: { plugin, options, moduleUrl, calibration } },
    work,
  );
}

/**
 * The errors that the recipe's own compensation reports; undefined if there is none or it reports none, such as one
 * that is fitted per architecture.
 */
export async function knownErrors(
  language: LanguageModel,
  recipe: RankedRecipe,
  work: WorkContext,
): Promise<readonly LayerErrors[] | undefined> {
  if (recipe.compensation === undefined || fitsStream(recipe.compensation)) return undefined;
  const errors = await language.calibrationErrors(recipe, work);
  const isKnown = language.shape.layers.every(
    ({ kvHeads, ffnChannels }, layer) =>
      (kvHeads === 0 || (errors[layer]?.attention.length ?? 0) > 0) &&
      (ffnChannels === 0 || (errors[layer]?.ffn.length ?? 0) > 0),
  );
  return isKnown ? errors : undefined;
}
