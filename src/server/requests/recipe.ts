import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Compensation, StreamRefit } from '../../core/ports/compensation.js';
import type { ModelShape } from '../../core/model/shape.js';
import type { SearchSpaceOptions } from '../../core/space/create-search-space.js';
import type { Recipe, Text } from '../../gen/prunecast/v1/common.js';
import type { CalibrationSequences } from './calibration-sequences.js';
import type { ManifestRecipe } from './decode-manifest.js';
import type { ResolvedPlugin } from './plugin-lookup.js';

/** A recipe, checked and complete; no heavy work has been done for it yet. */
export interface ResolvedRecipe {
  readonly criterion: ResolvedPlugin<'criterion'>;
  readonly compensation: ResolvedPlugin<'compensation'>;
  /** undefined if neither plug-in looks at activations. */
  readonly calibration: CalibrationSequences | undefined;
  /** What a fit on the stream takes of the same text in place of `calibration`; undefined: the same. */
  readonly streamCalibration: CalibrationSequences | undefined;
  readonly seed: number;
  /**
   * The digest that labels are stored under: of all of the above, except the criterion's `scope`, which ranks nothing
   * within a layer.
   */
  readonly digest: string;
  /**
   * The same digest for recipes that rank alike: of the part of the criterion that decides the ranking, and the seed.
   */
  readonly rankingDigest: string;
  /** For manifests and reports. */
  readonly description: Readonly<Record<string, unknown>>;
  /**
   * Where the calibration text can be found again; its digest tells whether it is the same text. undefined if there is
   * none.
   */
  readonly origin: CalibrationOrigin | undefined;
}

/**
 * A calibration text's path under the data roots (null if it was sent), and the part of it that the sequences come
 * from.
 */
export interface CalibrationOrigin {
  readonly path: string | null;
  readonly part: { readonly from: number; readonly to: number };
}

/** Sequences of a text, and how they were taken. */
export interface TakenSequences {
  readonly sequences: CalibrationSequences;
  /** Those of a fit on the stream; undefined: the same. */
  readonly stream: CalibrationSequences | undefined;
  readonly origin: CalibrationOrigin;
  readonly description: SequencesDescription;
}

/** Digests of text, tokenizer and starts, and how the sequences were cut. */
export interface SequencesDescription extends Readonly<Record<string, unknown>> {
  readonly textDigest: string;
  readonly sequences: number;
  readonly sequenceTokens: number;
}

/** Calibration of a recipe, complete except for its text, which is not loaded yet. */
export interface DecodedCalibration {
  readonly text: Text;
  /** Half-open range of the text, as shares. */
  readonly part: { readonly from: number; readonly to: number };
  /** undefined: the default, or as many as the text has. */
  readonly sequences: number | undefined;
  /** Of a fit on the stream; undefined: the same. */
  readonly streamSequences: number | undefined;
  /** As many as the text has, at most these; those of recipes if omitted. */
  readonly defaultSequences?: number;
  readonly sequenceTokens: number;
  readonly bos: boolean;
  /** Tokens of the text that are needed. */
  readonly textTokens: number;
}

/** What a recipe has if the request does not say. */
export interface RecipeDefaults {
  /** The id of a compensation instead of the default one. */
  readonly compensation?: string;
  readonly text?: Text | undefined;
  /** Half-open range of the text, as shares; all of it by default. */
  readonly part?: { readonly from: number; readonly to: number };
  readonly bos?: boolean | undefined;
  /** Tokens of its texts that the request needs for other things; those that the calibration needs by default. */
  readonly textTokens?: number;
}

/** A recipe from a manifest. */
export interface RestoredRecipe {
  readonly recipe: ManifestRecipe;
  /** The path of the manifest in the request. */
  readonly field: string;
  /** Where the request may name the calibration text. @default 'recipe.calibration.text' */
  readonly textField?: string;
}

/** Completes the recipes of requests on one model. */
export interface RecipeSource {
  /**
   * @param field the recipe's path in the request
   * @throws PrunecastError PLUGIN_NOT_FOUND, INVALID_OPTIONS, INVALID_REQUEST, and those of texts
   */
  resolve(recipe: Recipe | undefined, field: string, defaults?: RecipeDefaults): Promise<ResolvedRecipe>;
  /**
   * The same recipe with its compensation fitted on each architecture's own stream, under its own digest. For
   * finalists, controls and outputs: each architecture costs a calibration pass.
   *
   * @param field the recipe's path in the request
   * @throws PrunecastError INVALID_REQUEST if the recipe has no calibration text
   */
  asStream(spec: ResolvedRecipe, field: string): ResolvedRecipe;
  /**
   * The recipe that compensated an output, from its manifest. The calibration text is the one that the caller sends in
   * the request, or the file that the manifest names; either must be the same text.
   *
   * @throws PrunecastError INVALID_REQUEST saying which text is needed, and as `resolve`
   */
  restore(asked: RestoredRecipe, given: Text | undefined): Promise<ResolvedRecipe>;
  /**
   * Sequences of a text, as a recipe's calibration takes them.
   *
   * @param field path of the calibration in the request
   * @throws PrunecastError those of texts, TEXT_TOO_SHORT, INVALID_REQUEST
   */
  takeSequences(calibration: DecodedCalibration, field: string): Promise<TakenSequences>;
  /**
   * The model's sizes as budgets count them: with all biases that a compensation of these recipes may add to the
   * exported model, and with those that its stock form adds if all layers must be alike.
   *
   * @param asked recipes with their paths in the request
   * @throws PrunecastError PLUGIN_NOT_FOUND, INVALID_OPTIONS
   */
  countedShape(
    asked: readonly { readonly recipe: Recipe | undefined; readonly field: string }[],
    space: Pick<SearchSpaceOptions, 'target'>,
  ): ModelShape;
}

/**
 * Refuses a recipe for labels of many architectures if its compensation is fitted on the stream of each: that needs a
 * calibration pass per label, and overfits with few tokens.
 *
 * @param field the recipe's path in the request
 * @throws PrunecastError INVALID_OPTIONS
 */
export function refuseStreamLabels({ compensation: { plugin, options } }: ResolvedRecipe, field: string): void {
  if (plugin.stream?.isAsked(options) !== true) return;
  throw PrunecastError.ofField(
    `${field}.compensation.options.${plugin.stream.option}`,
    `${plugin.id} on the stream compensates each architecture anew, a calibration pass for every label: label with the one-shot fit, and set compensation_fit: COMPENSATION_FIT_STREAM in a Search to have finalists, controls and the output compensated on the stream`,
    'INVALID_OPTIONS',
  );
}

/** Whether a compensation, as it is asked for, is fitted on the pruned model's own stream. */
export function fitsStream({ plugin, options }: { readonly plugin: Compensation; readonly options: unknown }): boolean {
  return plugin.stream?.isAsked(options) === true;
}

/** Which maps a compensation fits on the pruned model's own stream, as it is asked for; undefined if it does not. */
export function refitOf({
  plugin,
  options,
}: {
  readonly plugin: Compensation;
  readonly options: unknown;
}): StreamRefit | undefined {
  return fitsStream({ plugin, options }) ? (plugin.stream?.refit?.(options) ?? 'pruned') : undefined;
}
