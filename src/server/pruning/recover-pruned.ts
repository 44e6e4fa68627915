import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import type { TrainingResult } from '../../core/ports/recovery.js';
import { digestOf } from '../../engine/files/digest.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import { countFolderBytes } from '../../engine/recovery/count-moments.js';
import { countTraining, type Tokens, type Work } from '../../engine/runtime/count-work.js';
import type { MemoryUse } from '../../engine/runtime/plan-memory.js';
import { RecoveryEnd, type RecoveryResult } from '../../gen/prunecast/v1/common.js';
import { planPhase, type PlannedPhase } from '../estimates/estimate-seconds.js';
import type { PhasePlan } from '../jobs/phase-log.js';
import { findStorageFault } from '../jobs/storage-waits.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import type { ResolvedRecovery } from '../requests/resolve-recovery.js';
import { fitOnStream } from './fit-on-stream.js';
import { nameTraining, removeTraining } from './training-folders.js';

/** The phase that trains the pruned model. */
export const RECOVER_PHASE = 'recover';

/** The phase of a recovery; none if there is none. */
export function planRecoverPhases(recovery: ResolvedRecovery | undefined): PhasePlan[] {
  return recovery === undefined ? [] : [{ name: RECOVER_PHASE, tokens: countTrained(recovery).tokens }];
}

/** What it takes, at most as long as its options allow. */
export function estimateRecovery(
  shape: LanguageModel['shape'],
  architecture: Architecture,
  recovery: ResolvedRecovery,
): PlannedPhase {
  const text = countTrained(recovery);
  const work: Work = countTraining(shape, architecture, text);
  return planPhase(RECOVER_PHASE, {
    tokens: text.tokens,
    work,
    mostSeconds: 60 * recovery.training.mostMinutes,
  });
}

/** Throws MEMORY_EXCEEDED if an architecture cannot be trained within the memory budget. */
export function requireTrainable(
  { requireMemory }: Pick<LanguageModel, 'requireMemory'>,
  architecture: Architecture,
  recovery: ResolvedRecovery,
): void {
  requireMemory({
    longest: longestOf(recovery.taken.sequences.sequences),
    training: describeTraining(architecture, recovery),
  });
}

/** The memory of a step, and of what is trained. */
export function describeTraining(
  architecture: Architecture,
  { training, trained }: ResolvedRecovery,
): Required<MemoryUse>['training'] {
  return {
    architecture,
    rank: training.rank ?? 0,
    stepTokens: training.sequencesPerStep * longestOf(trained),
    layerErrors: (training.loss.layerErrors ?? 0) > 0,
  };
}

/** The most that a training keeps in the state folder, in bytes; 0 if there is none. */
export function countTrainingBytes(
  shape: LanguageModel['shape'],
  architecture: Architecture,
  recovery: ResolvedRecovery | undefined,
): number {
  return recovery === undefined ? 0 : countFolderBytes(shape, architecture, recovery.training.rank ?? 0);
}

function countTrained({ training, trained }: ResolvedRecovery): Tokens {
  const all = trained.reduce((sum, { length }) => sum + length, 0);
  return { tokens: Math.round(all * training.passes), window: longestOf(trained) };
}

function longestOf(sequences: readonly Int32Array[]): number {
  return sequences.reduce((most, { length }) => Math.max(most, length), 1);
}

/** An architecture that is to be trained. */
export interface RecoveryTask {
  readonly recipe: RankedRecipe;
  readonly architecture: Architecture;
  readonly recovery: ResolvedRecovery;
}

/** A trained architecture: its recipe with the trained weights, and what training brought. */
export interface Recovered {
  readonly recipe: RankedRecipe;
  readonly result: TrainingResult;
}

/**
 * Trains an architecture, after a fit on its stream if the recipe asks for that. The weights are in a folder of the job,
 * which `withTraining` removes.
 */
export async function recoverPruned(
  language: LanguageModel,
  task: RecoveryTask,
  context: Pick<JobContext, 'signal' | 'progress' | 'phases' | 'jobId'>,
): Promise<Recovered> {
  if (!(await isBegun(folderOf(language, context))))
    await fitOnStream(language, task.recipe, task.architecture, context);
  context.phases.enter(RECOVER_PHASE);
  return train(language, task, context);
}

/** Trains an architecture, or goes on where an earlier run ended: what is trained to its end is there at once. */
export async function train(
  language: LanguageModel,
  { recipe, architecture, recovery: { training, taken } }: RecoveryTask,
  context: Pick<JobContext, 'signal' | 'progress' | 'jobId'>,
): Promise<Recovered> {
  const directory = folderOf(language, context);
  const { file, ...result } = await language.recover(
    { recipe, architecture, sequences: taken.sequences.sequences, plan: training, directory },
    workContext(context, 'recovering'),
  );
  const key = digestOf({ directory, architecture, training, text: taken.description });
  return { recipe: { ...recipe, trained: { path: file, key } }, result };
}

/**
 * Does what trains an architecture and what needs its weights, and removes the files of the training afterwards. They
 * stay if the server stops meanwhile, or if the job pauses, also since a disk is full: then it goes on from there when
 * it is resumed.
 *
 * @param mayGoOn whether the job has yet to be resumed
 */
export async function withTraining<Result>(
  language: LanguageModel,
  context: Pick<JobContext, 'signal' | 'jobId'>,
  run: () => Promise<Result>,
  mayGoOn: (result: Result) => boolean = () => false,
): Promise<Result> {
  const remove = (): Promise<void> => removeTraining(language.scratchDirectory, context.jobId);
  try {
    const result = await run();
    if (!mayGoOn(result)) await remove();
    return result;
  } catch (error) {
    const goesOn = context.signal.aborted ? !isCancelled(context.signal) : findStorageFault(error) !== undefined;
    if (!goesOn) await remove();
    throw error;
  }
}

function folderOf({ scratchDirectory }: LanguageModel, { jobId }: Pick<JobContext, 'jobId'>): string {
  return join(scratchDirectory, nameTraining(jobId));
}

/** Whether an earlier run has come as far as training, which needs no fit any more. */
function isBegun(directory: string): Promise<boolean> {
  return access(directory).then(
    () => true,
    () => false,
  );
}

function isCancelled({ reason }: AbortSignal): boolean {
  return reason instanceof PrunecastError && reason.reason === 'CANCELLED';
}

const ENDS = {
  finished: RecoveryEnd.FINISHED,
  'out-of-time': RecoveryEnd.OUT_OF_TIME,
  'no-more-gain': RecoveryEnd.NO_MORE_GAIN,
} as const satisfies Record<TrainingResult['ended'], RecoveryEnd>;

/** What training brought, for a caller. */
export function encodeRecovery(
  { plugin, training, trained }: Pick<ResolvedRecovery, 'plugin' | 'training' | 'trained'>,
  { steps, bestStep, tokens, seconds, before, after, ended }: TrainingResult,
): RecoveryResult {
  return {
    plugin: plugin.id,
    steps: BigInt(steps),
    bestStep: BigInt(bestStep),
    tokens: BigInt(tokens),
    seconds,
    perplexityBefore: Math.exp(before),
    perplexityAfter: Math.exp(after),
    ended: ENDS[ended],
    passes: (steps * training.sequencesPerStep) / trained.length,
    askedPasses: training.passes,
  };
}

/** What an output's manifest says of its recovery. */
export function describeRecovery(
  { plugin, taken }: ResolvedRecovery,
  { steps, bestStep, tokens, before, after }: TrainingResult,
) {
  return {
    plugin: { id: plugin.id, options: plugin.options },
    text: { ...taken.description, part: taken.origin.part },
    steps,
    best_step: bestStep,
    tokens,
    held_out_perplexity: { before: Math.exp(before), after: Math.exp(after) },
  };
}
