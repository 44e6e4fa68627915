import { addOutputBiases } from '../../core/model/add-output-biases.js';
import type { ModelShape } from '../../core/model/shape.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { SearchSpaceOptions } from '../../core/space/create-search-space.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { findFamily } from '../../engine/families/find-family.js';
import { digestOf } from '../../engine/files/digest.js';
import type { Workload } from '../../engine/runtime/plan-memory.js';
import { Recipe, Text } from '../../gen/prunecast/v1/common.js';
import { LEAD_STEP } from '../../engine/texts/lead.js';
import type { OpenModel } from '../models/open-models.js';
import {
  type CalibrationSequences,
  countCalibrationText,
  pickCalibrationSequences,
} from '../requests/calibration-sequences.js';
import { decodeRecipe, isCalibrated } from '../requests/decode-recipe.js';
import { DEFAULT_PLUGINS } from '../requests/defaults.js';
import {
  fitsStream,
  type DecodedCalibration,
  type RecipeDefaults,
  type RecipeSource,
  type ResolvedRecipe,
  type RestoredRecipe,
  type TakenSequences,
} from '../requests/recipe.js';
import { identifyPlugin, type PluginLookup, type ResolvedPlugin } from '../requests/plugin-lookup.js';
import { describeAbsentText } from '../requests/describe-absent-text.js';
import type { TextSource } from '../texts/text-source.js';

/** Completes the recipes of requests. */
export class RecipeResolver {
  readonly #plugins: PluginLookup;
  readonly #texts: TextSource;

  constructor(plugins: PluginLookup, texts: TextSource) {
    this.#plugins = plugins;
    this.#texts = texts;
  }

  /** The same resolver for the checks of one call: its signal ends the tokenizing of texts, and it is told how far that is. */
  attended(work: WorkContext): RecipeResolver {
    return new RecipeResolver(this.#plugins, {
      ...this.#texts,
      load: (text, model, field, asked) => this.#texts.load(text, model, field, { ...asked, ...work }),
    });
  }

  /** The recipes of requests on one model. */
  of(model: OpenModel): RecipeSource {
    return {
      resolve: (recipe, field, defaults) => this.resolve(recipe, model, field, defaults),
      asStream: (spec, field) => this.asStream(spec, field),
      takeSequences: (calibration, field) => this.#calibrate(calibration, model, field),
      restore: (asked, given) => this.restore(asked, given, model),
      countedShape: (asked, space) => this.countedShape(model.language.shape, asked, space),
    };
  }

  /** As `RecipeSource.resolve`. */
  async resolve(
    recipe: Recipe | undefined,
    model: OpenModel,
    field: string,
    defaults: RecipeDefaults = {},
  ): Promise<ResolvedRecipe> {
    const { maxPositions } = model.language.checkpoint.config;
    const decoded = decodeRecipe(this.#plugins, { maxPositions }, recipe, field, defaults);
    const { criterion, compensation, seed } = decoded;
    const picked =
      decoded.calibration === undefined
        ? undefined
        : await this.#calibrate(decoded.calibration, model, `${field}.calibration`);
    if (picked !== undefined)
      model.language.requireMemory(
        describeWork([...picked.sequences.sequences, ...(picked.stream?.sequences ?? [])], criterion, compensation),
      );
    const description = {
      criterion: identifyPlugin(criterion),
      compensation: identifyPlugin(compensation),
      calibration: picked?.description ?? null,
      ...(fitsStream(compensation) ? describeStream(picked?.stream) : {}),
      seed,
    };
    return complete({
      criterion,
      compensation,
      calibration: picked?.sequences,
      streamCalibration: picked?.stream,
      seed,
      description,
      origin: picked?.origin,
    });
  }

  /**
   * As `RecipeSource.asStream`: units are ranked as in the recipe, on its calibration text. The compensation is the
   * recipe's own, with its options, if it can be fitted on the stream; otherwise `least-squares {fit: stream}`.
   */
  asStream(spec: ResolvedRecipe, field: string): ResolvedRecipe {
    if (spec.calibration === undefined)
      throw PrunecastError.ofField(
        field,
        'has no calibration text, which a fit on the stream needs: take a calibrated criterion or compensation',
      );
    const compensation =
      spec.compensation.plugin.stream === undefined
        ? this.#plugins.resolve('compensation', undefined, DEFAULT_PLUGINS.streamCompensation, `${field}.compensation`)
        : spec.compensation;
    const {
      plugin: { id, stream },
    } = compensation;
    if (stream === undefined) throw new RangeError(`the compensation ${id} has no fit on the stream`);
    const asking = { ...compensation, options: stream.ask(compensation.options) };
    return complete({
      ...spec,
      compensation: asking,
      description: {
        ...spec.description,
        compensation: identifyPlugin(asking),
        ...describeStream(spec.streamCalibration),
      },
    });
  }

  /** As `RecipeSource.restore`. */
  async restore(asked: RestoredRecipe, given: Text | undefined, model: OpenModel): Promise<ResolvedRecipe> {
    const { recipe, field } = asked;
    const spec = await this.#resolveAgain(asked, given, model);
    const { bos = false, bosToken } = recipe.calibration ?? {};
    const { digest } = recipe;
    if (spec.digest === digest || (bos && bosToken === undefined && digestWithoutBosToken(spec) === digest))
      return spec;
    throw PrunecastError.ofField(
      `${field}.recipe`,
      `has the digest ${digest}, but its content gives ${spec.digest}: the manifest or the plug-ins have changed since it was written`,
    );
  }

  /** The recipe of a manifest, on the same text. */
  async #resolveAgain(
    { recipe, field, textField = 'recipe.calibration.text' }: RestoredRecipe,
    given: Text | undefined,
    model: OpenModel,
  ): Promise<ResolvedRecipe> {
    const { criterion, compensation, calibration, calibration_text: origin, streamCalibration, seed } = recipe;
    const asked = { criterion, compensation, seed: BigInt(seed) };
    if (calibration === null || origin === null)
      return this.resolve(Recipe.fromPartial(asked), model, `${field}.recipe`);
    const { textDigest, sequences, sequenceTokens, bos } = calibration;
    const { path, part } = origin;
    const needed = `the weights of this output were compensated by ${compensation.id} on ${sequences} sequences of ${sequenceTokens} tokens of ${path === null ? 'a text' : `the text ${path}`}, whose token ids have the digest ${textDigest}`;
    const text = given ?? (path === null ? undefined : Text.fromPartial({ source: { $case: 'path', value: path } }));
    if (text === undefined) throw PrunecastError.ofField(textField, `is needed: send that text; ${needed}`);
    const streamed = streamCalibration === undefined ? {} : { streamSequences: streamCalibration.sequences };
    const calibrated = Recipe.fromPartial({
      ...asked,
      calibration: { sequences, sequenceTokens, bos, ...streamed },
    });
    const resolve = (textTokens: number): Promise<ResolvedRecipe> =>
      this.resolve(calibrated, model, `${field}.recipe`, { text, part, textTokens }).catch((error: unknown) => {
        if (!(error instanceof PrunecastError)) throw error;
        if (error.reason === 'TEXT_TOO_SHORT')
          throw PrunecastError.ofField(textField, `is shorter than the text of the manifest: ${needed}`);
        if (given !== undefined || error.reason !== 'TEXT_NOT_FOUND') throw error;
        const { name, cure } = describeAbsentText(path ?? '', textField);
        throw PrunecastError.ofField(textField, `is needed, as ${name} is not at hand: ${cure}; ${needed}`);
      });
    let textTokens = countCalibrationText({
      sequences: Math.max(sequences, streamCalibration?.sequences ?? 0),
      sequenceTokens,
      part,
    });
    let [spec, shorter]: readonly [ResolvedRecipe, ResolvedRecipe | undefined] = [await resolve(textTokens), undefined];
    // The output's study may have needed more of a long text for its other parts; an earlier version read all of it.
    while (isOtherText(spec.description['calibration'], textDigest) && spec.digest !== shorter?.digest)
      [spec, shorter] = [await resolve((textTokens *= LEAD_STEP)), spec];
    if (isOtherText(spec.description['calibration'], textDigest))
      throw PrunecastError.ofField(textField, `is another text than that of the manifest: ${needed}`);
    return spec;
  }

  /** As `RecipeSource.countedShape`. */
  countedShape(
    shape: ModelShape,
    asked: readonly { readonly recipe: Recipe | undefined; readonly field: string }[],
    space: Pick<SearchSpaceOptions, 'target'>,
  ): ModelShape {
    const adds = asked.map(
      ({ recipe, field }) =>
        this.#plugins.resolve(
          'compensation',
          recipe?.compensation,
          DEFAULT_PLUGINS.compensation,
          `${field}.compensation`,
        ).plugin.addsBias,
    );
    if (!adds.includes(true)) return shape;
    const counted = addOutputBiases(shape);
    const [own] = shape.layers;
    if (space.target !== 'uniform' || own === undefined) return counted;
    const stock = findFamily(shape.family).stateStockForm({
      hidden: shape.hidden,
      headDim: shape.headDim,
      queryHeads: own.kvHeads * own.queryHeadsPerKv,
      biases: counted.biases,
    });
    return { ...counted, biases: stock?.biases ?? counted.biases };
  }

  async #calibrate(
    {
      text: named,
      textTokens,
      part,
      bos,
      sequenceTokens,
      sequences: asked,
      streamSequences,
      defaultSequences,
    }: DecodedCalibration,
    model: OpenModel,
    path: string,
  ): Promise<TakenSequences> {
    const text = await this.#texts.load(named, model, `${path}.text`, { tokens: textTokens });
    if (bos && text.bosToken === undefined)
      throw PrunecastError.ofField(
        `${path}.bos`,
        "the model's config.json has no bos_token_id within its vocabulary: leave BOS off",
      );
    const pick = (count: number | undefined) =>
      pickCalibrationSequences(
        text,
        {
          sequences: count,
          sequenceTokens,
          bos,
          part,
          ...(defaultSequences === undefined ? {} : { defaultSequences }),
        },
        `${path}.text`,
      );
    const sequences = pick(asked);
    return {
      sequences,
      stream: streamSequences === undefined ? undefined : pick(streamSequences),
      origin: {
        path: named.source?.$case === 'path' ? named.source.value : null,
        part: { from: part.from, to: part.to },
      },
      description: {
        textDigest: text.digest,
        tokenizerDigest: text.tokenizerDigest ?? '',
        sequences: sequences.starts.length,
        sequenceTokens,
        startsDigest: digestOf(sequences.starts),
        bos,
        ...(bos ? { bosToken: text.bosToken } : {}),
      },
    };
  }
}

/** What a fit on the stream takes of the text, if not what ranks the units. */
function describeStream(sequences: CalibrationSequences | undefined) {
  return sequences === undefined
    ? {}
    : { streamCalibration: { sequences: sequences.starts.length, startsDigest: digestOf(sequences.starts) } };
}

function isOtherText(calibration: unknown, textDigest: string): boolean {
  return (
    typeof calibration === 'object' &&
    calibration !== null &&
    'textDigest' in calibration &&
    calibration.textDigest !== textDigest
  );
}

function complete(spec: Omit<ResolvedRecipe, 'digest' | 'rankingDigest'>): ResolvedRecipe {
  const { seed, description } = spec;
  const criterion = identifyRanking(spec.criterion);
  const calibration = isCalibrated(spec.criterion.plugin) ? description['calibration'] : null;
  return {
    ...spec,
    digest: digestOf({ ...description, criterion }),
    rankingDigest: digestOf({ criterion, calibration, seed }),
  };
}

/**
 * The digest that version 0.1 gave to a recipe: its manifests say that sequences begin with BOS, but not with which
 * token.
 */
function digestWithoutBosToken({ criterion, description }: ResolvedRecipe): string {
  const calibration = Object.entries(description['calibration'] ?? {}).filter(([key]) => key !== 'bosToken');
  return digestOf({
    ...description,
    calibration: Object.fromEntries(calibration),
    criterion: identifyRanking(criterion),
  });
}

/** As `identifyPlugin`, for how a criterion ranks units within a layer. */
function identifyRanking(criterion: ResolvedPlugin<'criterion'>) {
  const named = identifyPlugin(criterion);
  return { ...named, options: withoutScope(named.options) };
}

/** The memory that a recipe needs. */
function describeWork(
  sequences: readonly Int32Array[],
  criterion: ResolvedRecipe['criterion'],
  { plugin, options }: ResolvedRecipe['compensation'],
): Workload {
  return {
    longest: sequences.reduce((most, { length }) => Math.max(most, length), 1),
    tokens: sequences.reduce((sum, { length }) => sum + length, 0),
    needs: [...criterion.plugin.needs, ...plugin.needs],
    preparing: (rows, hidden) =>
      Math.max(plugin.preparingBytes?.(rows, hidden) ?? 0, criterion.plugin.scoringBytes?.(rows, hidden) ?? 0),
    ...(plugin.stream?.isAsked(options) === true ? { fit: 'stream' as const } : {}),
  };
}

function withoutScope(options: unknown): unknown {
  return options !== null && typeof options === 'object'
    ? Object.fromEntries(Object.entries(options).filter(([key]) => key !== 'scope'))
    : options;
}
