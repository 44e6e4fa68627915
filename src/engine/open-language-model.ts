import { cpus, tmpdir } from 'node:os';
import { PrunecastError } from '../core/errors/prunecast-error.js';
import type { Precision } from '../core/measurement.js';
import { countParameters } from '../core/model/parameters.js';
import type { Architecture, ModelShape } from '../core/model/shape.js';
import type { UnitScores } from '../core/model/unit-scores.js';
import { identityRanking } from '../core/model/units.js';
import { validateArchitecture } from '../core/model/validate-architecture.js';
import { measureRuns, planRuns, type RunBatch } from '../core/run-batches.js';
import type { EvaluationSubject, Observation, ObservationRequest } from '../core/ports/evaluator.js';
import { guardModelCriterion } from '../plugin-host/guards/guard-model-criterion.js';
import { guardCriterion } from '../plugin-host/guards/guard-criterion.js';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import { countPositionsAlike } from './forward/rotary-tables.js';
import { isInt8Offered, type Int8Check } from './graph/measure-int8.js';
import { countLanes } from './lanes/count-lanes.js';
import { startLanes } from './lanes/start-lanes.js';
import type { LanguageModel, ScoreUnitsRequest, RankedRecipe } from './language-model.js';
import { createSpanScores } from './forward/span-scores.js';
import { createPace, isProbed, probePace, unlessBusy } from './pace.js';
import { describeScored, scoreModel } from './ranking/score-model.js';
import { scoreLayer } from './ranking/score-layer.js';
import { countLosses, countTimedTokens } from './runtime/count-work.js';
import { estimatePeakBytes, planMemory } from './runtime/plan-memory.js';
import { detectMemoryBudgetBytes, detectThreads } from './runtime/resource-limits.js';
import { keyRecipe } from './weights/recipe.js';
import { addressPlugin } from './workers/address-plugin.js';
import { createInt8Check } from './workers/int8-check.js';
import { createMemoryPool, type MemoryPool } from './workers/memory-pool.js';
import type { RecipeMessage } from './workers/model-messages.js';
import type { ModelThread } from './workers/model-thread.js';
import { callInPool } from './workers/pooled-calls.js';

export interface LanguageModelOptions {
  /** Threads of ONNX Runtime; by default, as many as the control group allows. */
  readonly threads?: number;
  /** By default 70 % of the memory of the control group or the machine; with a pool, the pool's budget. */
  readonly memoryBudgetBytes?: number;
  /** Shared with other models; by default the model has its own pool. */
  readonly pool?: MemoryPool;
  /** Folder for Gram matrices that do not fit in memory; by default the system's temporary folder. */
  readonly scratchDirectory?: string;
  /** How the CPU handles 8-bit products; by default tried on the first use of int8. */
  readonly checkInt8?: () => Promise<Int8Check>;
}

/**
 * Opens a checkpoint for computing; weights are read when they are needed. Throws MEMORY_EXCEEDED if a layer can never
 * fit the budget.
 */
export async function openLanguageModel(
  checkpoint: Checkpoint,
  options: LanguageModelOptions = {},
): Promise<LanguageModel> {
  const { shape, config, files, tensors } = checkpoint;
  const folder = { directory: files.directory, ...(files.roots === undefined ? {} : { roots: files.roots }) };
  const threads = options.threads ?? detectThreads();
  const pool =
    options.pool ?? createMemoryPool({ budgetBytes: options.memoryBudgetBytes ?? detectMemoryBudgetBytes() });
  const memoryBudgetBytes = pool.budgetBytes;
  const checkInt8 = options.checkInt8 ?? createInt8Check();
  planMemory(shape, memoryBudgetBytes, { longest: 1 });
  const lanes = countLanes(shape, { threads, memoryBudgetBytes });
  const own = startLanes(
    lanes,
    shape,
    {
      place: folder,
      records: files.records(),
      config,
      tensors: [...tensors.values()],
      options: {
        threads,
        memoryBudgetBytes,
        ...(options.scratchDirectory === undefined ? {} : { scratchDirectory: options.scratchDirectory }),
      },
    },
    () => place.settle(),
  );
  const close = async (): Promise<void> => {
    await own.close();
    await checkpoint.close();
  };
  const place = pool.join({
    wishedBytes: lanes * 2 * 4 * countParameters(shape, shape.layers) + Math.floor(memoryBudgetBytes / 4),
    isBusy: own.isBusy,
    heldBytes: own.heldBytes,
    rest: async () => {
      await own.rest();
      await checkpoint.close();
    },
    close,
  });
  const thread = callInPool(own, place, memoryBudgetBytes);

  const planBatches = ({ sequences, prefixes = 'shared' }: ObservationRequest): RunBatch[] =>
    planRuns(sequences, { prefixes, mostShared: countPositionsAlike(config.rope) });
  const pace = createPace(() => performance.now());
  let factors: number | undefined;
  const subject = (recipe: RankedRecipe): EvaluationSubject => {
    const message = describe(recipe);
    const { compensation, trained } = recipe;
    const isOnStream = trained === undefined && (compensation?.plugin.stream?.isAsked(compensation.options) ?? false);
    return {
      shape,
      countTokens: (request) =>
        measureRuns(request.sequences, planBatches(request)).tokens + countTimedTokens(request.timing),
      observe: async function* observe(architectures, request, work) {
        const { sequences, precision = 'float32', prefixes: _, checkpoint, ...further } = request;
        if (checkpoint !== undefined) throw new RangeError('the engine has no exporters to write checkpoints by');
        await requirePrecision(precision, checkInt8);
        if (sequences.length === 0 && further.timing === undefined) {
          yield* observeNothing(shape, architectures);
          return;
        }
        const batches = planBatches(request);
        const { tokens, longest } = measureRuns(sequences, batches);
        const results = thread.stream(
          'observe',
          { recipe: message, architectures, request, batches, ...(isOnStream ? { fit: 'stream' } : {}) },
          work,
        );
        yield* precision === 'float32' && Object.keys(further).length === 0
          ? pace.watch(
              results,
              ({ index }) =>
                countLosses(shape, architectures[index] ?? shape.layers, { tokens, window: longest }).products,
            )
          : results;
      },
    };
  };

  return {
    checkpoint,
    shape,
    machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${threads} threads`,
    scratchDirectory: options.scratchDirectory ?? tmpdir(),
    calibrate: (sequences, needs, work) => thread.call('calibrate', { sequences, needs }, work),
    scoreUnits: (request) => scoreUnits(thread, checkpoint, request),
    subject,
    blockMap: (recipe, request, work) => thread.call('blockMap', { recipe: describe(recipe), request }, work),
    recover: ({ recipe, ...request }, work) => thread.call('recover', { recipe: describe(recipe), ...request }, work),
    calibrationErrors: (recipe, work) => thread.call('calibrationErrors', { recipe: describe(recipe) }, work),
    timeShapes: (length, work) => thread.call('timeShapes', { length }, work),
    timeArchitecture: (recipe, architecture, length, work) =>
      thread.call('timeArchitecture', { recipe: describe(recipe), architecture, length }, work),
    logits: (
      tokens,
      { architecture, recipe } = { architecture: shape.layers, recipe: { ranking: identityRanking(shape.layers) } },
      work = { signal: new AbortController().signal },
    ) => thread.call('logits', { recipe: describe(recipe), architecture, tokens }, work),
    requireMemory: (work) => void planMemory(shape, memoryBudgetBytes, work),
    estimatePeakBytes: (use) => estimatePeakBytes(shape, memoryBudgetBytes, use, lanes),
    findSpeeds: async (signal) => {
      const dense = subject({ ranking: identityRanking(shape.layers) });
      if (pace.productsPerSecond() === undefined && !isProbed(dense)) return 'large';
      if (pace.productsPerSecond() === undefined) await probePace(dense, signal);
      const products = pace.productsPerSecond();
      if (products === undefined) return 'busy';
      factors ??= await unlessBusy(signal, (until) => thread.call('measureFactorisation', {}, { signal: until }));
      return factors === undefined ? 'busy' : { products, factors };
    },
    requirePrecision: (precision) => requirePrecision(precision, checkInt8),
    hold: place.hold,
    isUsed: place.isUsed,
    retire: place.retire,
    close,
  };
}

/** For an evaluator that needs an architecture alone. */
function* observeNothing(shape: ModelShape, architectures: readonly Architecture[]): Generator<Observation> {
  for (const [index, architecture] of architectures.entries()) {
    validateArchitecture(shape, architecture, `architectures[${index}]`);
    yield { index, ...createSpanScores(0) };
  }
}

async function requirePrecision(precision: Precision, checkInt8: () => Promise<Int8Check>): Promise<void> {
  if (precision !== 'int8') return;
  const check = await checkInt8();
  if (isInt8Offered(check)) return;
  const { exact, speedup } = check;
  const found = exact
    ? `${speedup.toFixed(2)} times as fast as float32 ones`
    : 'not exact (the CPU has no VNNI, and its kernels saturate)';
  throw new PrunecastError(
    'PRECISION_UNAVAILABLE',
    `int8 is offered only if 8-bit products are exact and faster than float32 ones; on this CPU they are ${found}: use float32`,
    {
      metadata: { exact: String(exact), speedup: speedup.toFixed(2) },
    },
  );
}

function describe({ ranking, compensation, trained }: RankedRecipe): RecipeMessage {
  const own = { ranking, ...(trained === undefined ? {} : { trained }) };
  if (compensation === undefined) return { key: keyRecipe(own), ...own };
  const { plugin, options, moduleUrl, calibration } = compensation;
  const described = {
    address: addressPlugin(plugin, moduleUrl),
    options,
    ...(calibration === undefined ? {} : { calibration }),
  };
  return { key: keyRecipe({ ...own, compensation: described }), ...own, compensation: described };
}

const NO_LIMIT = { limitMs: undefined };

async function scoreUnits(
  thread: Pick<ModelThread, 'call'>,
  checkpoint: Checkpoint,
  { criterion, options, moduleUrl, calibration, sequences, seed, work }: ScoreUnitsRequest,
): Promise<readonly UnitScores[]> {
  const { shape } = checkpoint;
  if (criterion.scoreModel !== undefined) {
    const read = criterion.needs.includes('sequences') ? sequences : undefined;
    const model = describeScored(checkpoint, read, seed);
    return moduleUrl === undefined
      ? scoreModel(guardModelCriterion(criterion, NO_LIMIT), options, model, work)
      : thread.call(
          'scoreModel',
          { criterion: { address: addressPlugin(criterion, moduleUrl), options }, model },
          work,
        );
  }
  if (moduleUrl !== undefined) {
    const asked = { criterion: { address: addressPlugin(criterion, moduleUrl), options }, seed };
    return thread.call('scoreUnits', calibration === undefined ? asked : { ...asked, calibration }, work);
  }
  const kept = criterion.needs.find((need) => need === 'gradients' || need === 'gram');
  if (kept !== undefined) {
    throw new RangeError(
      `criterion "${criterion.id}" needs ${kept}, which stays in the model's thread: give the URL of its module`,
    );
  }
  const guarded = guardCriterion(criterion, NO_LIMIT);
  const scores: UnitScores[] = [];
  for (const layer of shape.layers.keys()) {
    const weights = await thread.call('readLayer', { layer }, { signal: work.signal });
    scores.push(
      await scoreLayer(
        shape,
        layer,
        { ...weights, statistics: calibration?.layers[layer] },
        { plugin: guarded, options, seed, signal: work.signal },
      ),
    );
    work.report?.({ activity: 'scoring units', what: 'layers', done: layer + 1, total: shape.layers.length });
  }
  return scores;
}
