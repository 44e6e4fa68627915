import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { DimensionRange } from '../../gen/prunecast/v1/common.js';
import type { JobPaused } from '../../gen/prunecast/v1/job.js';
import { apply, isPaused, type StudyState } from '../../search/machine.js';
import { refineSpace, editRefinement } from '../../search/phases/refine/refine-space.js';
import type { StudyPlan } from '../../search/study/plan.js';
import type { StudyEvent } from '../../search/study/steps.js';
import { breatheUnder } from '../jobs/breathe-under.js';
import { encodeRangeChange } from '../encoding/range-change.js';
import type { EmittedPayload } from '../kinds/job-context.js';
import type { ResumeStep } from '../kinds/runnable-kind.js';
import type { StoreRecord } from '../../core/ports/store.js';
import { PHASE_CODES } from '../requests/codes.js';
import type { Study } from './study.js';
import { openStudyLog, type StudyLogServices } from './study-log.js';

/** What a study waits for: before `refine`, the proposed ranges. */
export async function describePause(plan: StudyPlan, state: StudyState, signal: AbortSignal): Promise<JobPaused> {
  const proposal = state.phase === 'refine' ? await refineSpace(plan, state, breatheUnder(signal)) : [];
  return { before: PHASE_CODES[state.phase], ranges: proposal.map(encodeRangeChange), error: undefined };
}

/**
 * What a caller's ResumeJob adds to a paused study: its ranges, or that the study resumes as proposed. It adds nothing
 * to one that was interrupted.
 *
 * @throws PrunecastError INVALID_REQUEST for ranges that the study does not wait for; SPACE_INVALID, BUDGET_INFEASIBLE
 * for bad ranges, or the signal's reason
 */
export async function resumeStudy(
  services: StudyLogServices,
  study: Study,
  jobId: string,
  ranges: readonly DimensionRange[],
  signal: AbortSignal,
): Promise<ResumeStep> {
  const payloads: EmittedPayload[] = [];
  const records: StoreRecord[] = [];
  const commit = async (events: readonly EmittedPayload[], along: readonly StoreRecord[]): Promise<void> => {
    payloads.push(...events);
    records.push(...along);
  };
  const log = await openStudyLog(services, study, { jobId, commit });
  const state = log.reached;
  const waits = isPaused(study.plan, state);
  if (ranges.length > 0 && !(waits && state.phase === 'refine')) {
    throw PrunecastError.ofField(
      'ranges',
      'are given, but the study does not wait before its refinement: leave them out',
    );
  }
  if (waits) {
    const event = await decideRanges(study.plan, state, ranges, breatheUnder(signal));
    await log.record(state, apply(study.plan, state, event), event);
  }
  return { payloads, records };
}

async function decideRanges(
  plan: StudyPlan,
  state: StudyState,
  ranges: readonly DimensionRange[],
  breathe: () => Promise<void>,
): Promise<StudyEvent> {
  if (ranges.length === 0) return { kind: 'resumed' };
  return {
    kind: 'refined',
    changes: await editRefinement(plan, state, await refineSpace(plan, state, breathe), ranges, breathe),
  };
}
