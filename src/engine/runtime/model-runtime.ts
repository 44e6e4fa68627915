import type { LatencyTable } from '../../core/budget/latency-table.js';
import type { Architecture } from '../../core/model/shape.js';
import type { UnitScores } from '../../core/model/unit-scores.js';
import { validateArchitecture } from '../../core/model/validate-architecture.js';
import type { Criterion } from '../../core/ports/criterion.js';
import type { Observation } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { Calibration, CalibrationNeed } from '../calibration/calibration.js';
import { createFitBreathing, withFitShares } from '../compensation/breathing.js';
import { createErrorMeter, listCalibrationErrors, type LayerErrors } from '../compensation/calibration-errors.js';
import { measureFactorisation } from '../compensation/measure-factorisation.js';
import { readBlockMap, type BlockMap, type BlockMapRequest } from '../compensation/block-map.js';
import { computeLogits } from '../forward/compute-logits.js';
import { createDecodeRunner } from '../latency/decode-runner.js';
import { timeRuns } from '../latency/time-runs.js';
import { timeArchitecture, timeShapes, type LatencyContext } from '../latency/time-decoding.js';
import type { ScoredLayer } from '../ranking/list-units.js';
import type { Scoring } from '../ranking/score-layer.js';
import type { WeightSource } from '../weights/layer-weights.js';
import type { KeyedRecipe } from '../weights/recipe.js';
import { createCalibrator } from './calibrator.js';
import { createSpanScores } from '../forward/span-scores.js';
import { observeArchitectures, type ObservedArchitectures } from './observe-architectures.js';
import { createModelMemory, type ModelMemory, type RuntimeOptions } from './model-memory.js';
import { describeObservation, type Workload } from './plan-memory.js';
import { createWeightsProvider, describeWorkload } from './weights-provider.js';
import { recoverModel, type RecoveryRequest } from './recover-model.js';
import type { TrainingOutcome } from '../recovery/train-halves.js';
import { readLayer, scoreUnits, scoreUnitsByGradients, type GramReader } from './score-units.js';

/**
 * A model's numbers, computed on the calling thread. The thread is blocked while a graph runs or a layer is sorted, so
 * the runtime lives in a worker thread; other threads use it through `LanguageModel`. One call at a time: calls share
 * memory.
 */
export interface ModelRuntime extends Pick<ModelMemory, 'allow' | 'useThreads' | 'heldBytes' | 'close'> {
  observe(
    recipe: KeyedRecipe,
    architectures: readonly Architecture[],
    asked: Pick<ObservedArchitectures, 'request' | 'batches'>,
    work: WorkContext,
  ): AsyncIterable<Observation>;
  calibrate(
    sequences: readonly Int32Array[],
    needs: readonly CalibrationNeed[],
    work: WorkContext,
  ): Promise<Calibration>;
  scoreUnits(recipe: Scoring, calibration: Calibration | undefined, work: WorkContext): Promise<UnitScores[]>;
  /** [tokens, vocabulary] */
  logits(recipe: KeyedRecipe, architecture: Architecture, tokens: Int32Array, work: WorkContext): Promise<Float32Array>;
  /** A map of a block as an architecture keeps it, in checkpoint order. */
  blockMap(recipe: KeyedRecipe, request: BlockMapRequest, work: WorkContext): Promise<BlockMap>;
  /** Trains an architecture under a recipe; see `LanguageModel`. */
  recover(request: RecoveryRequest<KeyedRecipe>, work: WorkContext): Promise<TrainingOutcome>;
  calibrationErrors(recipe: KeyedRecipe, work: WorkContext): Promise<LayerErrors[]>;
  /** Floating-point operations per second in factorisations. */
  measureFactorisation(): Promise<number>;
  /** How long half-blocks of a grid of shapes take for one token after `length` others. */
  timeShapes(length: number, work: WorkContext): Promise<LatencyTable>;
  /** How long one token after `length` others takes in an architecture, in milliseconds. */
  timeArchitecture(recipe: KeyedRecipe, architecture: Architecture, length: number, work: WorkContext): Promise<number>;
  /** One layer's weights, its units in their own order. */
  readLayer(layer: number): Promise<Omit<ScoredLayer, 'statistics'>>;
}

/** Reads weights as they are needed. Throws MEMORY_EXCEEDED if the model can never fit the budget. */
export function createModelRuntime(source: WeightSource, options: RuntimeOptions): ModelRuntime {
  const { config } = source;
  const { shape } = config;
  const memory = createModelMemory(source, options);
  const calibrator = createCalibrator(source, memory);
  const provider = createWeightsProvider(source, memory, calibrator);
  const decoder = createDecodeRunner(config, memory.sessions, memory.runner);
  /** Undefined: the criterion needs no Gram matrices. */
  const openGrams = async (
    { needs, scoringBytes }: Criterion,
    calibration: Calibration | undefined,
    work: WorkContext,
  ): Promise<GramReader | undefined> => {
    const { gramKey } = calibration ?? {};
    if (!needs.includes('gram') || gramKey === undefined) return undefined;
    await calibrator.restoreGrams(calibration, work);
    await memory.startCall([], scoringBytes === undefined ? {} : { preparing: scoringBytes });
    return {
      read: (place) => memory.grams.read(gramKey, place),
      multiplyTransposed: memory.multiplyTransposed,
      breathe: createFitBreathing(work),
    };
  };
  const startTiming = async (workload: Partial<Workload>): Promise<LatencyContext> => ({
    ...(await memory.startCall([], workload)),
    shape,
    decoder,
    now: () => performance.now(),
  });

  return {
    observe: async function* observe(recipe, architectures, { request, batches }, work) {
      architectures.forEach((architecture, index) =>
        validateArchitecture(shape, architecture, `architectures[${index}]`),
      );
      const asked = { recipe, architectures, request, batches };
      const { timing, sequences } = request;
      const observed =
        sequences.length === 0
          ? architectures.map((_, index) => ({ index, ...createSpanScores(0) }))
          : observeArchitectures(memory, provider, config, asked, work);
      if (timing === undefined) {
        yield* observed;
        return;
      }
      // What runs for the observations keeps its memory until the last is there.
      const untimed: Observation[] = [];
      for await (const item of observed) untimed.push(item);
      const context = await startTiming(describeObservation({ sequences: [], timing }, []));
      const total = untimed.length * 2 * (timing.repeats + timing.warmUp);
      let done = 0;
      const runDone = (): void => work.report?.({ activity: 'timing', what: 'runs', done: ++done, total });
      for (const item of untimed) {
        const architecture = architectures[item.index] ?? [];
        const times = await timeRuns(context, provider.own(), architecture, timing, work.signal, runDone);
        yield { ...item, timing: times };
      }
    },
    calibrate: calibrator.calibrate,
    scoreUnits: async (recipe, calibration, work) => {
      const grams = await openGrams(recipe.plugin, calibration, work);
      const sequences = calibration?.gradientSequences;
      return recipe.plugin.needs.includes('gradients') && calibration !== undefined && sequences !== undefined
        ? scoreUnitsByGradients(
            source,
            { memory, weights: provider.own() },
            recipe,
            { calibration, sequences, grams },
            work,
          )
        : scoreUnits(source, recipe, { calibration, grams }, work);
    },
    logits: async (recipe, architecture, tokens, work) => {
      validateArchitecture(shape, architecture);
      const weights = await provider.provide(recipe, architecture, work);
      const context = await memory.startCall([tokens], describeWorkload(recipe));
      return computeLogits(context, weights, architecture, tokens, work);
    },
    blockMap: async (recipe, request, work) => {
      validateArchitecture(shape, request.architecture);
      const weights = await provider.provide(recipe, request.architecture, work);
      await memory.startCall([], describeWorkload(recipe));
      return readBlockMap(shape, weights, recipe.ranking, request);
    },
    recover: async (request, work) => {
      validateArchitecture(shape, request.architecture);
      return recoverModel(source, memory, provider, request, work);
    },
    calibrationErrors: async (recipe, work) => {
      const meter = createErrorMeter(shape, work);
      const weights = await provider.provide(recipe, shape.layers, withFitShares(work, meter.fitting));
      await memory.startCall([], describeWorkload(recipe));
      return listCalibrationErrors(shape, weights, work.signal, meter);
    },
    measureFactorisation: () => measureFactorisation(memory.multiplyTransposed, () => performance.now()),
    timeShapes: async (length, work) => {
      const context = await startTiming({});
      return timeShapes(context, provider.own(), length, work);
    },
    timeArchitecture: async (recipe, architecture, length, work) => {
      validateArchitecture(shape, architecture);
      const weights = await provider.provide(recipe, architecture, work);
      return timeArchitecture(await startTiming(describeWorkload(recipe)), weights, architecture, length, work);
    },
    readLayer: (layer) => readLayer(source, layer),
    allow: memory.allow,
    useThreads: memory.useThreads,
    heldBytes: memory.heldBytes,
    close: memory.close,
  };
}
