import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { AnyCriterion } from '../../core/ports/criterion.js';
import type { Calibration, Recipe } from '../../gen/prunecast/v1/common.js';
import { countCalibrationText } from './calibration-sequences.js';
import { DEFAULT_CALIBRATION, DEFAULT_PLUGINS, DEFAULT_SEED } from './defaults.js';
import type { DecodedCalibration, RecipeDefaults, ResolvedRecipe } from './recipe.js';
import type { BudgetedModel } from './services.js';
import type { PluginLookup } from './plugin-lookup.js';

/**
 * A recipe of a request, with its defaults filled in. `calibration` is undefined if neither plug-in looks at
 * activations.
 *
 * @param field the recipe's path in the request
 * @throws PrunecastError PLUGIN_NOT_FOUND, INVALID_OPTIONS, INVALID_REQUEST
 */
export function decodeRecipe(
  plugins: PluginLookup,
  { maxPositions }: Pick<BudgetedModel, 'maxPositions'>,
  recipe: Recipe | undefined,
  field: string,
  defaults: RecipeDefaults,
): Pick<ResolvedRecipe, 'criterion' | 'compensation' | 'seed'> & {
  readonly calibration: DecodedCalibration | undefined;
} {
  const criterion = plugins.resolve('criterion', recipe?.criterion, DEFAULT_PLUGINS.criterion, `${field}.criterion`);
  const compensation = plugins.resolve(
    'compensation',
    recipe?.compensation,
    defaults.compensation ?? DEFAULT_PLUGINS.compensation,
    `${field}.compensation`,
  );
  const seed = Number(recipe?.seed ?? DEFAULT_SEED);
  const looking = isCalibrated(criterion.plugin)
    ? criterion.id
    : compensation.plugin.needs.length > 0
      ? compensation.id
      : undefined;
  if (looking === undefined) return { criterion, compensation, seed, calibration: undefined };
  const path = `${field}.calibration`;
  const calibration = decodeCalibration(recipe?.calibration, { maxPositions }, path, defaults);
  if (calibration === undefined)
    throw PrunecastError.ofField(
      `${path}.text`,
      `no text was given, and ${looking} needs one: send a path under a data root, inline text or token ids, or take a criterion and a compensation that need none (magnitude, none)`,
    );
  return { criterion, compensation, seed, calibration };
}

/**
 * Which sequences of which text a request asks for, complete except for the text itself; undefined if neither it nor the
 * defaults name one.
 *
 * @param path of the calibration in the request
 * @throws PrunecastError INVALID_REQUEST
 */
export function decodeCalibration(
  asked: Calibration | undefined,
  { maxPositions }: Pick<BudgetedModel, 'maxPositions'>,
  path: string,
  defaults: RecipeDefaults & { readonly sequences?: number },
): DecodedCalibration | undefined {
  const sequenceTokens = asked?.sequenceTokens ?? DEFAULT_CALIBRATION.sequenceTokens;
  requireAtLeast(sequenceTokens, 2, `${path}.sequence_tokens`);
  if (sequenceTokens > maxPositions)
    throw PrunecastError.ofField(
      `${path}.sequence_tokens`,
      `is ${sequenceTokens}; the model was made for ${maxPositions} positions (max_position_embeddings)`,
    );
  if (asked?.sequences !== undefined) requireAtLeast(asked.sequences, 1, `${path}.sequences`);
  if (asked?.streamSequences !== undefined) requireAtLeast(asked.streamSequences, 1, `${path}.stream_sequences`);
  const text = asked?.text ?? defaults.text;
  if (text === undefined) return undefined;
  // Of the texts of a study nothing more is read for sequences that nobody asked for: its parts would move.
  const countOf = asked?.sequences ?? (defaults.textTokens === undefined ? defaults.sequences : undefined);
  const protocol = {
    part: asked?.text !== undefined ? WHOLE : (defaults.part ?? WHOLE),
    sequences: asked?.sequences,
    sequenceTokens,
  };
  return {
    ...protocol,
    ...(defaults.sequences === undefined ? {} : { defaultSequences: defaults.sequences }),
    text,
    streamSequences: asked?.streamSequences,
    textTokens: Math.max(
      countCalibrationText({ ...protocol, sequences: countOf }),
      countCalibrationText({ ...protocol, sequences: asked?.streamSequences ?? countOf }),
      defaults.textTokens ?? 0,
    ),
    bos: asked?.bos ?? defaults.bos ?? DEFAULT_CALIBRATION.bos,
  };
}

/** Whether a criterion looks at the calibration text. */
export function isCalibrated({ needs }: Pick<AnyCriterion, 'needs'>): boolean {
  return needs.some((need) => need !== 'weights' && need !== 'checkpoint');
}

const WHOLE = { from: 0, to: 1 } as const;

function requireAtLeast(value: number, least: number, field: string): void {
  if (value < least) throw PrunecastError.ofField(field, `is ${value}; at least ${least} is needed`);
}
