import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import { digestOf } from '../../engine/files/digest.js';
import type { LanguageModel, RankedRecipe } from '../../engine/language-model.js';
import type { TrainingOutcome } from '../../engine/recovery/train-halves.js';
import { countTraining, type Tokens, type Work } from '../../engine/runtime/count-work.js';
import type { MemoryUse } from '../../engine/runtime/plan-memory.js';
import { RecoveryEnd, type RecoveryResult } from '../../gen/prunecast/v1/job.js';
import { planPhase, type PlannedPhase } from '../estimates/estimate-seconds.js';
import type { PhasePlan } from '../jobs/phase-log.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import type { ResolvedRecovery } from '../requests/resolve-recovery.js';
import { fitOnStream } from './fit-on-stream.js';

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

/** The memory of a step, and of what is trained. */
export function describeTraining(
  architecture: Architecture,
  { training, taken }: ResolvedRecovery,
): Required<MemoryUse>['training'] {
  return { architecture, stepTokens: training.sequencesPerStep * longestOf(taken.sequences.sequences) };
}

function countTrained({ training, taken }: ResolvedRecovery): Tokens {
  const { sequences } = taken.sequences;
  const all = sequences.reduce((sum, { length }) => sum + length, 0);
  return {
    tokens: Math.round(all * (1 - 1 / training.heldOutEvery) * training.passes),
    window: longestOf(sequences),
  };
}

function longestOf(sequences: readonly Int32Array[]): number {
  return sequences.reduce((most, { length }) => Math.max(most, length), 1);
}

/** A trained architecture: its recipe with the trained weights, and what training brought. */
export interface Recovered {
  readonly recipe: RankedRecipe;
  readonly result: RecoveryResult;
}

/**
 * Trains an architecture, and calls `use` with it; its files are removed afterwards. If the server stops meanwhile, they
 * stay, and the job goes on from there when it is resumed.
 */
export async function withRecovered<Result>(
  language: LanguageModel,
  {
    recipe,
    architecture,
    recovery: { plugin, training, taken },
  }: { readonly recipe: RankedRecipe; readonly architecture: Architecture; readonly recovery: ResolvedRecovery },
  context: Pick<JobContext, 'signal' | 'progress' | 'phases' | 'jobId'>,
  use: (recovered: Recovered) => Promise<Result>,
): Promise<Result> {
  const directory = join(language.scratchDirectory, `recovery-${context.jobId}`);
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    if (!(await isBegun(directory))) await fitOnStream(language, recipe, architecture, context);
    context.phases.enter(RECOVER_PHASE);
    const outcome = await language.recover(
      { recipe, architecture, sequences: taken.sequences.sequences, plan: training, directory },
      workContext(context, 'recovering'),
    );
    const key = digestOf({ directory, architecture, training, text: taken.description });
    const result = await use({
      recipe: { ...recipe, trained: { path: outcome.file, key } },
      result: encodeResult(plugin.id, outcome),
    });
    await remove();
    return result;
  } catch (error) {
    if (!context.signal.aborted || isCancelled(context.signal)) await remove();
    throw error;
  }
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
} as const satisfies Record<TrainingOutcome['ended'], RecoveryEnd>;

function encodeResult(plugin: string, outcome: TrainingOutcome): RecoveryResult {
  return {
    plugin,
    steps: BigInt(outcome.steps),
    bestStep: BigInt(outcome.bestStep),
    tokens: BigInt(outcome.tokens),
    seconds: outcome.seconds,
    perplexityBefore: Math.exp(outcome.before),
    perplexityAfter: Math.exp(outcome.after),
    ended: ENDS[outcome.ended],
  };
}

/** What an output's manifest says of its recovery. */
export function describeRecovery({ plugin, taken }: ResolvedRecovery, result: RecoveryResult) {
  return {
    plugin: { id: plugin.id, options: plugin.options },
    text: { ...taken.description, part: taken.origin.part },
    steps: Number(result.steps),
    best_step: Number(result.bestStep),
    tokens: Number(result.tokens),
    held_out_perplexity: { before: result.perplexityBefore, after: result.perplexityAfter },
  };
}
