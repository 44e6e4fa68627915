import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Criterion } from '../../core/ports/criterion.js';
import type { Recipe, Text } from '../../gen/prunecast/v1/common.js';
import { countCalibrationText } from './calibration-sequences.js';
import { DEFAULT_CALIBRATION, DEFAULT_PLUGINS, DEFAULT_SEED } from './defaults.js';
import type { RecipeDefaults, ResolvedRecipe } from './recipe.js';
import type { BudgetedModel } from './services.js';
import type { PluginLookup } from './plugin-lookup.js';

/** Calibration of a recipe, complete except for its text, which is not loaded yet. */
export interface DecodedCalibration {
  readonly text: Text;
  /** Half-open range of the text, as shares. */
  readonly part: { readonly from: number; readonly to: number };
  /** undefined: the default, or as many as the text has. */
  readonly sequences: number | undefined;
  /** Of a fit on the stream; undefined: the same. */
  readonly streamSequences: number | undefined;
  readonly sequenceTokens: number;
  readonly bos: boolean;
  /** Tokens of the text that are needed. */
  readonly textTokens: number;
}

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
  const asked = recipe?.calibration;
  const path = `${field}.calibration`;
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
  if (text === undefined)
    throw PrunecastError.ofField(
      `${path}.text`,
      `no text was given, and ${looking} needs one: send a path under a data root, inline text or token ids, or take a criterion and a compensation that need none (magnitude, none)`,
    );
  const protocol = {
    part: asked?.text !== undefined ? WHOLE : (defaults.part ?? WHOLE),
    sequences: asked?.sequences,
    sequenceTokens,
  };
  return {
    criterion,
    compensation,
    seed,
    calibration: {
      ...protocol,
      text,
      streamSequences: asked?.streamSequences,
      textTokens: Math.max(
        countCalibrationText(protocol),
        countCalibrationText({ ...protocol, sequences: asked?.streamSequences ?? asked?.sequences }),
        defaults.textTokens ?? 0,
      ),
      bos: asked?.bos ?? defaults.bos ?? DEFAULT_CALIBRATION.bos,
    },
  };
}

/** Whether a criterion looks at more than weights. */
export function isCalibrated({ needs }: Pick<Criterion, 'needs'>): boolean {
  return needs.some((need) => need !== 'weights');
}

const WHOLE = { from: 0, to: 1 } as const;

function requireAtLeast(value: number, least: number, field: string): void {
  if (value < least) throw PrunecastError.ofField(field, `is ${value}; at least ${least} is needed`);
}
