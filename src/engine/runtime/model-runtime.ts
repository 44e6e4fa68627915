import { tmpdir } from 'node:os';
import type { LatencyTable } from '../../core/budget/latency-table.js';
import type { Precision } from '../../core/measurement.js';
import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';
import { identityRanking } from '../../core/model/units.js';
import { validateArchitecture } from '../../core/model/validate-architecture.js';
import type { ArchitectureLosses, Window } from '../../core/ports/evaluator.js';
import type { TransposedProduct } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { Calibration, CalibrationNeed } from '../calibration/calibration.js';
import { createCalibrations } from '../calibration/known-calibrations.js';
import { collectStatistics } from '../forward/collect-statistics.js';
import { createGramStore } from '../calibration/gram-store.js';
import { createStreamMender } from '../compensation/stream-mender.js';
import { listCalibrationErrors, type LayerErrors } from '../compensation/calibration-errors.js';
import { digestBytes, digestOf } from '../files/digest.js';
import { computeGradients } from '../gradients/compute-gradients.js';
import { createDecodeRunner } from '../latency/decode-runner.js';
import { timeArchitecture, timeShapes, type LatencyContext } from '../latency/time-decoding.js';
import { createBlockRunner } from '../forward/block-runner.js';
import { computeLogits } from '../forward/compute-logits.js';
import { evaluateArchitectures, type ForwardContext } from '../forward/evaluate-architectures.js';
import { createInt8Weights } from '../weights/int8-weights.js';
import { loadAttention, loadFfn, type WeightSource } from '../weights/layer-weights.js';
import { planMemory, type MemoryPlan, type Workload } from './plan-memory.js';
import { mendHalf, type MendRequest, type MendedTensors } from '../compensation/output-map.js';
import {
  createRecipeWeights,
  type CompensationTools,
  type HalfBlocks,
  type RecipeWeights,
  type WeightRecipe,
} from '../weights/recipe-weights.js';
import { openTokenTables, type TokenTables } from '../weights/token-tables.js';
import { createWeightStore } from '../weights/weight-store.js';
import { createSessionPool } from '../graph/session-pool.js';
import { buildTransposedProductGraph } from '../graph/transposed-product-graph.js';
import type { ScoredLayer } from '../ranking/list-units.js';
import { scoreLayer, type ScoringRecipe } from '../ranking/score-layer.js';
import type { UnitScores } from '../ranking/unit-scores.js';

export interface RuntimeOptions {
  readonly threads: number;
  readonly memoryBudgetBytes: number;
  /** Where Gram matrices lie that memory does not hold; the system's own folder by default. */
  readonly scratchDirectory?: string;
  /** As a session pool takes it. */
  readonly guard?: (run: () => Promise<void>) => Promise<void>;
}

/**
 * A model's numbers, computed on the calling thread: it blocks for as long as a graph runs or a layer is sorted, so it
 * lives in a worker thread. `LanguageModel` is its face for everyone else. One call at a time: calls share memory.
 */
export interface ModelRuntime {
  losses(
    recipe: WeightRecipe,
    architectures: readonly Architecture[],
    windows: readonly Window[],
    work: WorkContext,
    precision?: Precision,
  ): AsyncIterable<ArchitectureLosses>;
  calibrate(
    sequences: readonly Int32Array[],
    needs: readonly CalibrationNeed[],
    work: WorkContext,
  ): Promise<Calibration>;
  scoreUnits(recipe: ScoringRecipe, calibration: Calibration | undefined, work: WorkContext): Promise<UnitScores[]>;
  /** [tokens, vocabulary] */
  logits(
    recipe: WeightRecipe,
    architecture: Architecture,
    tokens: Int32Array,
    work: WorkContext,
  ): Promise<Float32Array>;
  /** The output map of a half-block as an architecture keeps it, in the order of a checkpoint. */
  mend(recipe: WeightRecipe, request: MendRequest, work: WorkContext): Promise<MendedTensors>;
  calibrationErrors(recipe: WeightRecipe, work: WorkContext): Promise<LayerErrors[]>;
  /** How long half-blocks of a grid of shapes take for one token after `length` others. */
  timeShapes(length: number, work: WorkContext): Promise<LatencyTable>;
  /** How long a token after `length` others takes in an architecture, in milliseconds. */
  timeArchitecture(
    recipe: WeightRecipe,
    architecture: Architecture,
    length: number,
    work: WorkContext,
  ): Promise<number>;
  /** One layer's weights in the model's own order. */
  readLayer(layer: number): Promise<Omit<ScoredLayer, 'statistics'>>;
  /** Sets what later calls may take, of the whole budget at most; all of it where nothing is given. */
  allow(budgetBytes: number | undefined): void;
  /** Bytes of what is kept between calls: weights, Gram matrices, compiled graphs. */
  heldBytes(): number;
  close(): Promise<void>;
}

/** What a call works with, within its memory plan. */
type CallContext = ForwardContext & Pick<TokenTables, 'wholeHead'> & Pick<MemoryPlan, 'storeBytes'>;

/** What a recipe's compensation takes beside an evaluation. */
function describeWork({ compensation }: WeightRecipe): Pick<Workload, 'preparing'> {
  const preparing = compensation?.plugin.preparingBytes?.bind(compensation.plugin);
  return preparing === undefined ? {} : { preparing };
}

function measureSequences(sequences: readonly Int32Array[]): { readonly longest: number; readonly tokens: number } {
  return {
    longest: sequences.reduce((most, { length }) => Math.max(most, length), 1),
    tokens: countSequences(sequences).tokens,
  };
}

function countSequences(sequences: readonly Int32Array[]): { readonly sequences: number; readonly tokens: number } {
  return { sequences: sequences.length, tokens: sequences.reduce((sum, { length }) => sum + length, 0) };
}

/** Names calibration sequences: equal ones have equal keys. */
function keySequences(sequences: readonly Int32Array[]): string {
  return digestOf(sequences.map(digestBytes));
}

/** One architecture's progress within that of all, each the same share. */
function shareProgress(
  report: NonNullable<WorkContext['report']>,
  index: number,
  count: number,
): NonNullable<WorkContext['report']> {
  return ({ what, done, total }) => report({ what, done: index * total + done, total: count * total });
}

/** Reads weights as they are needed. Throws MEMORY_EXCEEDED where the model can never fit the budget. */
export function createModelRuntime(
  source: WeightSource,
  { threads, memoryBudgetBytes, scratchDirectory = tmpdir(), guard }: RuntimeOptions,
): ModelRuntime {
  const { config } = source;
  const { shape } = config;
  const sessions = createSessionPool({ threads, ...(guard === undefined ? {} : { guard }) });
  const runner = createBlockRunner(config, sessions);
  const store = createWeightStore(planMemory(shape, memoryBudgetBytes, { longest: 1 }).storeBytes);

  const multiplyTransposed: TransposedProduct = async (a, b, { inner, rows, columns }) => {
    const product = new Float32Array(rows * columns);
    await sessions.run(
      'transposed-product',
      buildTransposedProductGraph,
      {
        a: { values: a, dimensions: [inner, rows] },
        b: { values: b, dimensions: [inner, columns] },
      },
      { c: { values: product, dimensions: [rows, columns] } },
    );
    return product;
  };
  const tools: CompensationTools = {
    grams: createGramStore(shape, { limitBytes: 0, directory: scratchDirectory }),
    multiplyTransposed,
  };
  const { grams } = tools;
  const known = createCalibrations();
  const weightsOf = (recipe: WeightRecipe): RecipeWeights => createRecipeWeights(source, store, recipe, tools);
  const inPrecision = (weights: RecipeWeights, precision: Precision, mendedKey = ''): HalfBlocks =>
    precision === 'int8'
      ? createInt8Weights(weights, store, { hidden: shape.hidden, headDim: shape.headDim, mendedKey })
      : weights;

  let allowedBytes = memoryBudgetBytes;
  let sessionBytes = 0;
  /** Plans a call's memory and keeps to it from here on. */
  const startCall = async (
    sequences: readonly Int32Array[],
    work: Omit<Workload, 'longest' | 'tokens'> = {},
  ): Promise<CallContext> => {
    const plan = planMemory(
      shape,
      allowedBytes,
      { ...measureSequences(sequences), gramBytes: grams.bytesWith(), ...work },
      memoryBudgetBytes,
    );
    sessionBytes = plan.sessionBytes;
    store.limit(plan.storeBytes);
    await grams.limit(plan.gramBytes);
    await sessions.keep(plan.keptSessions);
    const { embedding, head, wholeHead } = openTokenTables(source, store, plan.layers);
    return {
      runner,
      hidden: shape.hidden,
      embedding,
      head: () => head(work.precision ?? 'float32'),
      wholeHead,
      stateBytes: plan.stateBytes,
      storeBytes: plan.storeBytes,
      layers: plan.layers,
    };
  };

  /** One pass over the sequences: the moments, and where a key is given the Gram matrices under it. */
  const collect = async (
    sequences: readonly Int32Array[],
    gramKey: string | undefined,
    work: WorkContext,
  ): Promise<Calibration> => {
    const needed =
      gramKey === undefined
        ? { needs: ['activations'] as const }
        : { needs: ['gram'] as const, gramBytes: grams.bytesWith(gramKey) };
    const call = await startCall(sequences, needed);
    const context = {
      ...call,
      shape,
      sessions,
      weights: weightsOf({ key: 'own', ranking: identityRanking(shape.layers) }),
      multiplyTransposed,
    };
    if (gramKey === undefined) return collectStatistics(context, sequences, work);
    grams.open(gramKey);
    try {
      return await collectStatistics(
        { ...context, addGram: (place, share, factor) => grams.add(gramKey, place, share, factor) },
        sequences,
        work,
      );
    } catch (error) {
      grams.discard(gramKey);
      throw error;
    }
  };

  const streams = createStreamMender(store, async (recipe) => {
    const sequences = recipe.compensation?.calibration?.gramSequences ?? [];
    const weights = weightsOf({ key: recipe.key, ranking: recipe.ranking });
    const { storeBytes, ...call } = await startCall(sequences, { needs: ['gram'], fit: 'stream' });
    return {
      sequences,
      context: { ...call, shape, weights, multiplyTransposed, scratchDirectory, mapBytes: storeBytes },
    };
  });
  /** What a recipe is evaluated and written with; Gram matrices that were given up meanwhile are gathered again. */
  const weightsFor = async (
    recipe: WeightRecipe,
    architecture: Architecture,
    work: WorkContext,
  ): Promise<RecipeWeights> => {
    if (streams.isAsked(recipe)) return (await streams.mend(recipe, [architecture], work))[0] ?? weightsOf(recipe);
    const { gramKey, gramSequences } = recipe.compensation?.calibration ?? {};
    if (gramKey !== undefined && gramSequences !== undefined && !grams.has(gramKey))
      await collect(gramSequences, gramKey, { signal: work.signal });
    return weightsOf(recipe);
  };

  async function* lossesOnStreams(
    recipe: WeightRecipe,
    architectures: readonly Architecture[],
    windows: readonly Window[],
    work: WorkContext,
    precision: Precision,
  ): AsyncGenerator<ArchitectureLosses> {
    for (let from = 0; from < architectures.length; ) {
      const together = await streams.mend(recipe, architectures.slice(from), work);
      for (const [place, own] of together.entries()) {
        const index = from + place;
        const architecture = architectures[index] ?? [];
        const report =
          work.report === undefined ? {} : { report: shareProgress(work.report, index, architectures.length) };
        const context = await startCall(
          windows.map(({ tokens }) => tokens),
          { ...describeWork(recipe), precision },
        );
        for await (const result of evaluateArchitectures(
          context,
          inPrecision(own, precision, digestOf(architecture)),
          [architecture],
          windows,
          { signal: work.signal, ...report },
        ))
          yield { ...result, index };
      }
      from += together.length;
    }
  }

  const decoder = createDecodeRunner(config, sessions, runner);
  const startTiming = async (recipe: WeightRecipe): Promise<LatencyContext> => ({
    ...(await startCall([], describeWork(recipe))),
    shape,
    decoder,
    now: () => performance.now(),
  });

  const readLayer = async (layer: number): Promise<Omit<ScoredLayer, 'statistics'>> => {
    const own = shape.layers[layer] as LayerArchitecture;
    const [ranking] = identityRanking([own]);
    if (ranking === undefined) throw new RangeError(`the model has no layer ${layer}`);
    return {
      own,
      attention: own.kvHeads === 0 ? undefined : await loadAttention(source, layer, ranking, own.queryHeadsPerKv),
      ffn: own.ffnChannels === 0 ? undefined : await loadFfn(source, layer, ranking),
    };
  };

  return {
    losses: async function* losses(recipe, architectures, windows, work, precision = 'float32') {
      architectures.forEach((architecture, index) =>
        validateArchitecture(shape, architecture, `architectures[${index}]`),
      );
      if (streams.isAsked(recipe)) yield* lossesOnStreams(recipe, architectures, windows, work, precision);
      else {
        const weights = inPrecision(await weightsFor(recipe, shape.layers, work), precision);
        yield* evaluateArchitectures(
          await startCall(
            windows.map(({ tokens }) => tokens),
            { ...describeWork(recipe), precision },
          ),
          weights,
          architectures,
          windows,
          work,
        );
      }
    },
    calibrate: async (sequences, needs, work) => {
      const key = keySequences(sequences);
      const asked = {
        ...(needs.includes('gradients') ? { gradientSequences: sequences } : {}),
        ...(needs.includes('gram') ? { gramKey: key, gramSequences: sequences } : {}),
      };
      if (needs.every((need) => need === 'weights' || need === 'gradients'))
        return { ...countSequences(sequences), layers: [], ...asked };
      const ready = needs.includes('gram') && !grams.has(key) ? undefined : known.find(key);
      const calibration = ready ?? (await collect(sequences, needs.includes('gram') ? key : undefined, work));
      known.keep(key, calibration);
      return { ...calibration, ...asked };
    },
    scoreUnits: async (recipe, calibration, work) => {
      const scores: UnitScores[] = [];
      const sequences = calibration?.gradientSequences;
      if (recipe.plugin.needs.includes('gradients') && sequences !== undefined) {
        const weights = weightsOf({ key: 'own', ranking: identityRanking(shape.layers) });
        const { wholeHead, ...call } = await startCall(sequences, { needs: ['gradients'] });
        const context = { ...call, config, sessions, head: wholeHead, weights };
        for await (const {
          layer,
          halves: { attention, ffn },
          gradients,
        } of computeGradients(context, sequences, work.signal)) {
          scores[layer] = scoreLayer(
            shape,
            layer,
            {
              own: shape.layers[layer] as LayerArchitecture,
              attention: attention.kind === 'attention' ? attention.weights : undefined,
              ffn: ffn.kind === 'ffn' ? ffn.weights : undefined,
              statistics: calibration?.layers[layer],
              gradients,
            },
            recipe,
          );
          work.report?.({ what: 'layers', done: shape.layers.length - layer, total: shape.layers.length });
        }
        return scores;
      }
      for (const layer of shape.layers.keys()) {
        work.signal.throwIfAborted();
        scores.push(
          scoreLayer(shape, layer, { ...(await readLayer(layer)), statistics: calibration?.layers[layer] }, recipe),
        );
        work.report?.({ what: 'layers', done: layer + 1, total: shape.layers.length });
      }
      return scores;
    },
    logits: async (recipe, architecture, tokens, work) => {
      validateArchitecture(shape, architecture);
      const weights = await weightsFor(recipe, architecture, work);
      return computeLogits(await startCall([tokens], describeWork(recipe)), weights, architecture, tokens, work.signal);
    },
    mend: async (recipe, request, work) => {
      validateArchitecture(shape, request.architecture);
      const weights = await weightsFor(recipe, request.architecture, work);
      await startCall([], describeWork(recipe));
      return mendHalf(shape, weights, recipe.ranking, request);
    },
    calibrationErrors: async (recipe, work) => {
      const weights = await weightsFor(recipe, shape.layers, work);
      await startCall([], describeWork(recipe));
      return listCalibrationErrors(shape, weights, work);
    },
    timeShapes: async (length, work) => {
      const own = { key: 'own', ranking: identityRanking(shape.layers) };
      return timeShapes(await startTiming(own), weightsOf(own), length, work);
    },
    timeArchitecture: async (recipe, architecture, length, work) => {
      validateArchitecture(shape, architecture);
      const weights = await weightsFor(recipe, architecture, work);
      return timeArchitecture(await startTiming(recipe), weights, architecture, length, work);
    },
    readLayer,
    allow: (budgetBytes = memoryBudgetBytes) => {
      allowedBytes = Math.min(budgetBytes, memoryBudgetBytes);
    },
    heldBytes: () => store.heldBytes() + grams.heldBytes() + sessionBytes,
    close: async () => {
      await sessions.close();
      await grams.close();
    },
  };
}
