import type { Architecture } from '../../core/model/shape.js';
import type { TrainingPlan } from '../../core/ports/recovery.js';
import { splitSequences } from '../../core/split-sequences.js';
import { planRuns } from '../../core/run-batches.js';
import { scoreFrom } from '../../core/sequence.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { digestBytes, digestOf } from '../files/digest.js';
import { evaluateArchitectures } from '../forward/evaluate-architectures.js';
import { createBufferPool, createStatePool } from '../forward/hidden-states.js';
import { createLowRankProducts } from '../graph/low-rank-products.js';
import { createBackwardRunner } from '../gradients/backward-runner.js';
import type { CallContext, ModelMemory } from './model-memory.js';
import { countStepStates } from './plan-memory.js';
import type { WeightsProvider } from './weights-provider.js';
import type { WeightSource } from '../weights/layer-weights.js';
import type { KeyedRecipe } from '../weights/recipe.js';
import { withReplacedHalves } from '../weights/replaced-halves.js';
import { countMomentBytes } from '../recovery/count-moments.js';
import { runDistillationStep } from '../recovery/distillation-step.js';
import { trainFactors, trainMatrices } from '../recovery/parameters.js';
import { trainHalves, type TrainingOutcome } from '../recovery/train-halves.js';
import { roundToCheckpoint, type RoundWritten } from '../recovery/round-written.js';
import { copyHalves, roundHalf, type TrainedHalf } from '../recovery/trained-halves.js';

/** An architecture that is to be trained after its compensation. */
export interface RecoveryRequest<Recipe> {
  readonly recipe: Recipe;
  readonly architecture: Architecture;
  /** Token ids, trained and held-out ones. */
  readonly sequences: readonly Int32Array[];
  readonly plan: TrainingPlan;
  /** A folder of this training's own, which need not exist. */
  readonly directory: string;
  /** Most time between two writes of the state; 40 seconds by default, so that a kill loses at most a minute. */
  readonly saveEveryMs?: number;
}

/**
 * Trains the pruned model by its teacher, the unpruned one.
 *
 * @throws PrunecastError INVALID_REQUEST if there are too few sequences, MEMORY_EXCEEDED if the trained weights and a
 * step do not fit
 */
export async function recoverModel(
  source: WeightSource,
  memory: ModelMemory,
  provider: WeightsProvider,
  { recipe, architecture, sequences, plan, directory, saveEveryMs = SAVE_EVERY_MS }: RecoveryRequest<KeyedRecipe>,
  work: WorkContext,
): Promise<TrainingOutcome> {
  const { config } = source;
  const { shape } = config;
  const { trained, heldOut } = splitSequences(sequences, plan.heldOutEvery);
  const longest = trained.reduce((most, { length }) => Math.max(most, length), 1);
  const stepTokens = plan.sequencesPerStep * longest;
  const { rank = 0 } = plan;
  const training = { architecture, rank, stepTokens, layerErrors: (plan.loss.layerErrors ?? 0) > 0 };
  const start = (): Promise<CallContext> => memory.startCall(sequences, { training });
  let call = await start(); // refused here, before any work
  const stepBytes = 4 * shape.hidden * countStepStates(shape, training) * stepTokens;
  const momentBytes = Math.min(call.stateBytes - stepBytes, countMomentBytes(shape, architecture, rank));
  const productBytes = call.stateBytes - stepBytes - momentBytes;
  let pool = createStatePool();
  const widest = Math.max(
    ...architecture.flatMap(({ kvHeads, queryHeadsPerKv, ffnChannels }) => [
      kvHeads * queryHeadsPerKv * shape.headDim,
      ffnChannels,
    ]),
  );
  const gradientPool = createBufferPool(widest * shape.hidden);
  const backward = createBackwardRunner(config, memory.sessions, gradientPool);
  const products = createLowRankProducts(memory.sessions);
  const teacher = provider.own();
  const round = roundToCheckpoint(source);
  const scored = heldOut.map((tokens) => scoreFrom(tokens));
  const predictions = heldOut.reduce((sum, { length }) => sum + length - 1, 0);

  return trainHalves(
    {
      directory,
      saveEveryMs,
      key: digestOf({ recipe: recipe.key, architecture, plan, sequences: sequences.map(digestBytes) }),
      momentBytes,
      parameterise: (halves) =>
        rank === 0 ? trainMatrices(halves) : trainFactors(halves, { rank, seed: plan.seed }, products),
      now: () => performance.now(),
      begin: async (tell) => {
        const weights = await provider.provide(recipe, architecture, work);
        const halves = await copyHalves(weights, architecture, round, (share) => {
          work.signal.throwIfAborted();
          tell(share);
        });
        call = await start();
        return halves;
      },
      runStep: (halves, batch, update, breathe) =>
        runDistillationStep(
          {
            config,
            backward,
            pool,
            gradientPool,
            teacher,
            runner: call.runner,
            embedding: call.embedding,
            head: call.wholeHead,
            loss: plan.loss,
            productBytes,
          },
          halves,
          batch,
          update,
          breathe,
        ),
      round,
      measure: async (halves, work) => {
        pool = createStatePool(); // what the steps have kept makes room
        const evaluated = evaluateArchitectures(
          { ...call, stateBytes: stepBytes },
          withReplacedHalves(
            { ...teacher, keepsDropped: halves.some(({ half }) => half.kind === 'bias') },
            { key: 'under-training', find: findAmong(halves, round) },
          ),
          [architecture],
          { sequences: scored, batches: planRuns(scored, { prefixes: 'apart' }) },
          work,
        );
        for await (const { losses } of evaluated) return losses.reduce((sum, loss) => sum + loss, 0) / predictions;
        throw new RangeError('the held-out sequences gave no losses');
      },
    },
    plan,
    trained,
    work,
  );
}

/** A kill also loses the step or the check that was under way. */
const SAVE_EVERY_MS = 40_000;

function findAmong(halves: readonly TrainedHalf[], round: RoundWritten) {
  const byName = new Map(halves.map((half) => [half.name, half]));
  return async (name: string) => {
    const half = byName.get(name);
    return half && (await roundHalf(half, round));
  };
}
