import type { LatencyTable } from '../core/budget/latency-table.js';
import type { Precision } from '../core/measurement.js';
import type { Architecture, ModelShape } from '../core/model/shape.js';
import type { UnitScores } from '../core/model/unit-scores.js';
import type { AnyCriterion } from '../core/ports/criterion.js';
import type { EvaluationSubject } from '../core/ports/evaluator.js';
import type { WorkContext } from '../core/ports/work-context.js';
import type { Calibration, CalibrationNeed } from './calibration/calibration.js';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import type { LayerErrors } from './compensation/calibration-errors.js';
import type { BlockMap, BlockMapRequest } from './compensation/block-map.js';
import type { Speeds, UnknownSpeeds } from './pace.js';
import type { RecoveryRequest } from './runtime/recover-model.js';
import type { TrainingOutcome } from './recovery/train-halves.js';
import type { MemoryUse, Workload } from './runtime/plan-memory.js';
import type { RankedRecipe } from './weights/recipe.js';

export type { Calibration, CalibrationNeed } from './calibration/calibration.js';
export type { LayerErrors } from './compensation/calibration-errors.js';
export type { RankedRecipe } from './weights/recipe.js';
export type { UnitScores } from '../core/model/unit-scores.js';

export interface ScoreUnitsRequest {
  readonly criterion: AnyCriterion;
  /** Complete: the output of the criterion's schema. */
  readonly options: unknown;
  /**
   * The module that the criterion comes from; without it the criterion runs on the calling thread and gets no
   * gradients.
   */
  readonly moduleUrl?: URL;
  /** Required if the criterion needs activations. */
  readonly calibration?: Calibration;
  /** Required if the criterion needs sequences. */
  readonly sequences?: readonly Int32Array[];
  readonly seed: number;
  readonly work: WorkContext;
}

/**
 * A checkpoint to compute with. All work happens in a separate worker thread, one call at a time, so that the event
 * loop stays free; the losses of a small model are shared among several threads. A cancel rejects at once; a thread is
 * free again after its current run.
 */
export interface LanguageModel {
  readonly checkpoint: Checkpoint;
  readonly shape: ModelShape;
  /** What its times belong to: the processor, and the threads that it runs with. */
  readonly machine: string;
  /** Folder for what does not fit in memory, and for trainings. */
  readonly scratchDirectory: string;
  /**
   * One pass of the dense model over sequences of token ids, which include BOS if it is wanted. Throws INVALID_REQUEST
   * for ids outside the vocabulary.
   */
  calibrate(
    sequences: readonly Int32Array[],
    needs: readonly CalibrationNeed[],
    work: WorkContext,
  ): Promise<Calibration>;
  /** One entry per layer. Throws PLUGIN_FAILED, PLUGIN_INVALID. */
  scoreUnits(request: ScoreUnitsRequest): Promise<readonly UnitScores[]>;
  /** The model under a recipe, ready to be evaluated. Sorted weights stay in memory as long as the budget allows. */
  subject(recipe: RankedRecipe): EvaluationSubject;
  /** A map of a block as an architecture keeps it under a recipe, in checkpoint order. */
  blockMap(recipe: RankedRecipe, request: BlockMapRequest, work: WorkContext): Promise<BlockMap>;
  /**
   * Trains an architecture under a recipe, and writes the best weights into `directory`; a call that was ended before
   * continues there. `recipe.trained` then takes them.
   */
  recover(request: RecoveryRequest<RankedRecipe>, work: WorkContext): Promise<TrainingOutcome>;
  /** The calibration errors of every width under a recipe's compensation, one entry per layer. */
  calibrationErrors(recipe: RankedRecipe, work: WorkContext): Promise<readonly LayerErrors[]>;
  /**
   * How long half-blocks of a grid of shapes take on this machine for one token with `length` tokens before it. Takes
   * seconds.
   */
  timeShapes(length: number, work: WorkContext): Promise<LatencyTable>;
  /**
   * How long a token with `length` tokens before it takes in an architecture, in milliseconds; measured by running
   * every half-block.
   */
  timeArchitecture(
    recipe: RankedRecipe,
    architecture: Architecture,
    length: number,
    work: WorkContext,
  ): Promise<number>;
  /** All logits of one short sequence, [tokens, vocabulary]; by default of the dense model in its own order. */
  logits(
    tokens: Int32Array,
    pruned?: { readonly architecture: Architecture; readonly recipe: RankedRecipe },
    work?: WorkContext,
  ): Promise<Float32Array>;
  /** Throws MEMORY_EXCEEDED for work that can never fit the budget, before any work is done. */
  requireMemory(work: Workload): void;
  /** Most bytes that a job on it uses, estimated, at most the memory budget. */
  estimatePeakBytes(use: MemoryUse): number;
  /** How fast it is in float32, as seen recently or by a short probe, or why neither is available. */
  findSpeeds(signal?: AbortSignal): Promise<Speeds | UnknownSpeeds>;
  /** Checks that `subject` can measure in this precision here. Throws PRECISION_UNAVAILABLE. */
  requirePrecision(precision: Precision): Promise<void>;
  /** Keeps what it has in memory until the returned function is called, even without calls. */
  hold(): () => void;
  /** Whether anyone calls or holds it. */
  isUsed(): boolean;
  /** From now on nothing is kept in memory once nobody calls or holds it; it can still be used. */
  retire(): void;
  /** Cancels the calls under way, ends the thread after its current run, and closes the checkpoint. */
  close(): Promise<void>;
}
