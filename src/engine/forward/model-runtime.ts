import type { Architecture, LayerArchitecture } from '../../core/model/shape.js';
import { identityRanking } from '../../core/model/units.js';
import { validateArchitecture } from '../../core/model/validate-architecture.js';
import type { ArchitectureLosses, Window } from '../../core/ports/evaluator.js';
import type { TransposedProduct } from '../../core/ports/compensation.js';
import type { WorkControl } from '../../core/ports/progress.js';
import type { Calibration, CalibrationNeed } from '../calibration/calibration.js';
import { collectStatistics } from '../calibration/collect-statistics.js';
import { createGramStore } from '../calibration/gram-store.js';
import { createStreamMender } from '../compensation/stream-mender.js';
import { listCalibrationErrors, type LayerErrors } from '../compensation/calibration-errors.js';
import { digestBytes, digestOf } from '../digest.js';
import { computeGradients } from '../gradients/compute-gradients.js';
import { createBlockRunner } from './block-runner.js';
import { computeLogits } from './compute-logits.js';
import { evaluateArchitectures, type ForwardContext } from './evaluate-architectures.js';
import { loadAttention, loadFfn, type WeightSource } from './layer-weights.js';
import { planMemory, type Workload } from './plan-memory.js';
import { mendHalf, type MendRequest, type MendedTensors } from './mend-half.js';
import { createRecipeWeights, type CompensationTools, type RecipeWeights, type WeightRecipe } from './recipe-weights.js';
import { openTokenTables, type TokenTables } from './token-tables.js';
import { createWeightStore } from './weight-store.js';
import { createSessionPool } from '../graph/session-pool.js';
import { buildTransposedProductGraph } from '../graph/transposed-product-graph.js';
import type { ScoredLayer } from '../ranking/list-units.js';
import { scoreLayer, type ScoringRecipe } from '../ranking/score-layer.js';
import type { UnitScores } from '../ranking/unit-scores.js';

export interface RuntimeOptions {
  readonly threads: number;
  readonly memoryBudgetBytes: number;
  /** As a session pool takes it. */
  readonly guard?: (run: () => Promise<void>) => Promise<void>;
}

/**
 * A model's numbers, computed on the calling thread: it blocks for as long as a graph runs or a layer is sorted, so it
 * lives in a worker thread. `LanguageModel` is its face for everyone else. One call at a time: calls share memory.
 */
export interface ModelRuntime {
  losses(recipe: WeightRecipe, architectures: readonly Architecture[], windows: readonly Window[], control: WorkControl): AsyncIterable<ArchitectureLosses>;
  calibrate(sequences: readonly Int32Array[], needs: readonly CalibrationNeed[], control: WorkControl): Promise<Calibration>;
  scoreUnits(recipe: ScoringRecipe, calibration: Calibration | undefined, control: WorkControl): Promise<UnitScores[]>;
  /** [tokens, vocabulary] */
  logits(recipe: WeightRecipe, architecture: Architecture, tokens: Int32Array, control: WorkControl): Promise<Float32Array>;
  /** The output map of a half-block as an architecture keeps it, in the order of a checkpoint. */
  mend(recipe: WeightRecipe, request: MendRequest, control: WorkControl): Promise<MendedTensors>;
  calibrationErrors(recipe: WeightRecipe, control: WorkControl): Promise<LayerErrors[]>;
  /** One layer's weights in the model's own order. */
  readLayer(layer: number): Promise<Omit<ScoredLayer, 'statistics'>>;
  close(): Promise<void>;
}

/** What a call works with, within its memory plan. */
type CallContext = ForwardContext & Pick<TokenTables, 'wholeHead'>;

/** Names calibration sequences: equal ones have equal keys. */
function keySequences(sequences: readonly Int32Array[]): string {
  return digestOf(sequences.map(digestBytes));
}

/** One architecture's progress within that of all, each the same share. */
function shareProgress(report: NonNullable<WorkControl['report']>, index: number, count: number): NonNullable<WorkControl['report']> {
  return ({ what, done, total }) => report({ what, done: index * total + done, total: count * total });
}

/** Reads weights as they are needed. Throws MEMORY_EXCEEDED where the model can never fit the budget. */
export function createModelRuntime(source: WeightSource, { threads, memoryBudgetBytes, guard }: RuntimeOptions): ModelRuntime {
  const { config } = source;
  const { shape } = config;
  const sessions = createSessionPool({ threads, ...(guard === undefined ? {} : { guard }) });
  const runner = createBlockRunner(config, sessions);
  const store = createWeightStore(planMemory(shape, memoryBudgetBytes, { longest: 1 }).storeBytes);

  const multiplyTransposed: TransposedProduct = async (a, b, { inner, rows, columns }) => {
    const product = new Float32Array(rows * columns);
    await sessions.run('transposed-product', buildTransposedProductGraph, {
      a: { values: a, dimensions: [inner, rows] },
      b: { values: b, dimensions: [inner, columns] },
    }, { c: { values: product, dimensions: [rows, columns] } });
    return product;
  };
  const tools: CompensationTools = { grams: createGramStore(shape, memoryBudgetBytes), multiplyTransposed };
  const calibrations = new Map<string, Calibration>();
  const sequencesOf = new Map<string, readonly Int32Array[]>();
  const weightsOf = (recipe: WeightRecipe): RecipeWeights => createRecipeWeights(source, store, recipe, tools);

  /** Plans a call's memory and keeps to it from here on. */
  const startCall = async (sequences: readonly Int32Array[], work: Omit<Workload, 'longest'> = {}): Promise<CallContext> => {
    const plan = planMemory(shape, memoryBudgetBytes, { longest: sequences.reduce((most, { length }) => Math.max(most, length), 1), ...work });
    store.limit(plan.storeBytes);
    await sessions.keep(plan.keptSessions);
    const { embedding, head, wholeHead } = openTokenTables(source, store, plan.layers);
    return { runner, hidden: shape.hidden, embedding, head, wholeHead, stateBytes: plan.stateBytes, layers: plan.layers };
  };

  const streams = createStreamMender(store, async (recipe, gramKey) => {
    const sequences = sequencesOf.get(gramKey) ?? [];
    const weights = weightsOf({ key: recipe.key, ranking: recipe.ranking });
    return { sequences, context: { ...await startCall(sequences, { needs: ['gram'] }), shape, weights, multiplyTransposed } };
  });
  const weightsFor = async (recipe: WeightRecipe, architecture: Architecture, control: WorkControl): Promise<RecipeWeights> =>
    streams.isAsked(recipe) ? streams.mend(recipe, architecture, control) : weightsOf(recipe);

  async function* lossesOnStreams(recipe: WeightRecipe, architectures: readonly Architecture[], windows: readonly Window[], control: WorkControl): AsyncGenerator<ArchitectureLosses> {
    for (const [index, architecture] of architectures.entries()) {
      const report = control.report === undefined ? {} : { report: shareProgress(control.report, index, architectures.length) };
      const weights = await weightsFor(recipe, architecture, { signal: control.signal });
      const context = await startCall(windows.map(({ tokens }) => tokens));
      for await (const result of evaluateArchitectures(context, weights, [architecture], windows, { signal: control.signal, ...report })) yield { ...result, index };
    }
  }

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
    losses: async function* losses(recipe, architectures, windows, control) {
      architectures.forEach((architecture, index) => validateArchitecture(shape, architecture, `architectures[${index}]`));
      if (streams.isAsked(recipe)) yield* lossesOnStreams(recipe, architectures, windows, control);
      else yield* evaluateArchitectures(await startCall(windows.map(({ tokens }) => tokens)), weightsOf(recipe), architectures, windows, control);
    },
    calibrate: async (sequences, needs, control) => {
      const weights = weightsOf({ key: 'own', ranking: identityRanking(shape.layers) });
      const gramKey = needs.includes('gram') ? keySequences(sequences) : undefined;
      const known = gramKey === undefined ? undefined : calibrations.get(gramKey);
      const gradients = needs.includes('gradients') ? { gradientSequences: sequences } : {};
      if (known !== undefined) return { ...known, ...gradients };
      const grams = gramKey === undefined ? undefined : tools.grams.open(gramKey);
      const context = { ...await startCall(sequences, { needs: gramKey === undefined ? ['activations'] : ['gram'] }), shape, sessions, weights, multiplyTransposed };
      if (gramKey === undefined || grams === undefined) return { ...await collectStatistics(context, sequences, control), ...gradients };
      for (const { attention, ffn } of grams) [attention, ffn].forEach((gram) => gram.fill(0)); // of a pass that was cancelled
      const calibration = { ...await collectStatistics({ ...context, grams }, sequences, control), gramKey };
      calibrations.set(gramKey, calibration);
      sequencesOf.set(gramKey, sequences);
      return { ...calibration, ...gradients };
    },
    scoreUnits: async (recipe, calibration, control) => {
      const scores: UnitScores[] = [];
      const sequences = calibration?.gradientSequences;
      if (recipe.plugin.needs.includes('gradients') && sequences !== undefined) {
        const weights = weightsOf({ key: 'own', ranking: identityRanking(shape.layers) });
        const { wholeHead, ...call } = await startCall(sequences, { needs: ['gradients'] });
        const context = { ...call, config, sessions, head: wholeHead, weights };
        for await (const { layer, halves: { attention, ffn }, gradients } of computeGradients(context, sequences, control.signal)) {
          scores[layer] = scoreLayer(shape, layer, {
            own: shape.layers[layer] as LayerArchitecture,
            attention: attention.kind === 'attention' ? attention.weights : undefined,
            ffn: ffn.kind === 'ffn' ? ffn.weights : undefined,
            statistics: calibration?.layers[layer],
            gradients,
          }, recipe);
          control.report?.({ what: 'layers', done: shape.layers.length - layer, total: shape.layers.length });
        }
        return scores;
      }
      for (const layer of shape.layers.keys()) {
        control.signal.throwIfAborted();
        scores.push(scoreLayer(shape, layer, { ...await readLayer(layer), statistics: calibration?.layers[layer] }, recipe));
        control.report?.({ what: 'layers', done: layer + 1, total: shape.layers.length });
      }
      return scores;
    },
    logits: async (recipe, architecture, tokens, control) => {
      validateArchitecture(shape, architecture);
      const weights = await weightsFor(recipe, architecture, control);
      return computeLogits(await startCall([tokens]), weights, architecture, tokens, control.signal);
    },
    mend: async (recipe, request, control) => {
      validateArchitecture(shape, request.architecture);
      return mendHalf(shape, await weightsFor(recipe, request.architecture, control), recipe.ranking, request);
    },
    calibrationErrors: (recipe, control) => listCalibrationErrors(shape, weightsOf(recipe), control),
    readLayer,
    close: () => sessions.close(),
  };
}
