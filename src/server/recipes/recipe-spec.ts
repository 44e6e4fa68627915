import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { digestOf } from '../../engine/digest.js';
import type { Recipe, Text } from '../../gen/prunecast/v1/common.js';
import type { OpenModel } from '../models/open-models.js';
import type { PluginRegistry, ResolvedPlugin } from '../plugins/plugin-registry.js';
import { requireInteger } from '../rpc/checks.js';
import type { TextSource } from '../texts/text-source.js';
import { DEFAULT_SEQUENCE_TOKENS, pickCalibrationSequences, type CalibrationSequences } from './calibration-sequences.js';

/** A recipe, checked and complete; nothing heavy has been done for it yet. */
export interface RecipeSpec {
  readonly criterion: ResolvedPlugin<'criterion'>;
  readonly compensation: ResolvedPlugin<'compensation'>;
  /** undefined where neither looks at activations. */
  readonly calibration: CalibrationSequences | undefined;
  readonly seed: number;
  /** What labels are stored under: all of the above, the criterion's `scope` apart, which ranks nothing within a layer. */
  readonly digest: string;
  /** For manifests and reports. */
  readonly description: Readonly<Record<string, unknown>>;
}

/** What a recipe takes where the request is silent. */
export interface RecipeDefaults {
  readonly text?: Text | undefined;
  /** Half-open range of the text, as shares; all of it by default. */
  readonly part?: { readonly from: number; readonly to: number };
  readonly bos?: boolean | undefined;
}

/** Turns recipes of requests into complete ones. */
export class RecipeResolver {
  readonly #plugins: PluginRegistry;
  readonly #texts: TextSource;

  constructor(plugins: PluginRegistry, texts: TextSource) {
    this.#plugins = plugins;
    this.#texts = texts;
  }

  /**
   * @param field the recipe's path in the request
   * @throws PrunecastError PLUGIN_NOT_FOUND, INVALID_OPTIONS, INVALID_REQUEST, and those of texts
   */
  async resolve(recipe: Recipe | undefined, model: OpenModel, field: string, defaults: RecipeDefaults = {}): Promise<RecipeSpec> {
    const criterion = this.#plugins.resolve('criterion', recipe?.criterion, 'wanda', `${field}.criterion`);
    const compensation = this.#plugins.resolve('compensation', recipe?.compensation, 'none', `${field}.compensation`);
    const seed = requireInteger(recipe?.seed ?? 0n, `${field}.seed`);
    const calibrated = criterion.plugin.needs.some((need) => need !== 'weights') || compensation.plugin.needs.length > 0;
    const picked = calibrated ? await this.#calibrate(recipe, model, field, defaults) : undefined;
    const description = {
      criterion: { id: criterion.plugin.id, options: criterion.options },
      compensation: { id: compensation.plugin.id, options: compensation.options },
      calibration: picked?.description ?? null,
      seed,
    };
    const digest = digestOf({ ...description, criterion: { id: criterion.plugin.id, options: withoutScope(criterion.options) } });
    return { criterion, compensation, calibration: picked?.sequences, seed, digest, description };
  }

  async #calibrate(recipe: Recipe | undefined, model: OpenModel, field: string, defaults: RecipeDefaults) {
    const asked = recipe?.calibration;
    const path = `${field}.calibration`;
    const bos = asked?.bos ?? defaults.bos ?? false;
    const sequenceTokens = asked?.sequenceTokens ?? DEFAULT_SEQUENCE_TOKENS;
    requireAtLeast(sequenceTokens, 2, `${path}.sequence_tokens`);
    if (asked?.sequences !== undefined) requireAtLeast(asked.sequences, 1, `${path}.sequences`);
    const own = asked?.text !== undefined;
    const text = await this.#texts.load(asked?.text ?? defaults.text, model, `${path}.text`);
    if (bos && text.bosToken === undefined) throw PrunecastError.ofField(`${path}.bos`, 'the model names no bos_token_id: leave BOS off');
    const sequences = pickCalibrationSequences(
      text,
      { sequences: asked?.sequences, sequenceTokens, bos, part: own ? WHOLE : (defaults.part ?? WHOLE) },
      `${path}.text`,
    );
    return {
      sequences,
      description: {
        textDigest: text.digest,
        tokenizerDigest: text.tokenizerDigest ?? '',
        sequences: sequences.starts.length,
        sequenceTokens,
        startsDigest: digestOf(sequences.starts),
        bos,
      },
    };
  }
}

const WHOLE = { from: 0, to: 1 } as const;

function withoutScope(options: unknown): unknown {
  return options !== null && typeof options === 'object' ? Object.fromEntries(Object.entries(options).filter(([key]) => key !== 'scope')) : options;
}

function requireAtLeast(value: number, least: number, field: string): void {
  if (value < least) throw PrunecastError.ofField(field, `is ${value}; at least ${least} is needed`);
}
