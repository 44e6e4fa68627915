import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Fidelity, Measurement } from '../../core/measurement.js';
import { Dimension } from '../../gen/prunecast/v1/common.js';
import type { Study } from '../../gen/prunecast/v1/study.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import { StudyPhase, StudyReport } from '../../gen/prunecast/v1/study_types.js';
import { encodeFidelity, encodeMeasurement } from '../encoding/measurement.js';
import { toTimestamp } from '../encoding/timestamp.js';
import type { Jobs } from '../jobs/jobs.js';
import type { PredictorRecords } from '../records/predictor-records.js';
import type { StudyRecord, StudyRecords } from '../records/study-records.js';

export interface StudyServices {
  readonly studies: StudyRecords;
  readonly predictorStore: PredictorRecords;
  readonly jobs: Jobs;
}

/** What `openStudyLog` keeps in the plan of a study. */
interface StoredPlan {
  readonly space?: readonly unknown[];
  readonly windows?: { readonly measurement: Measurement; readonly fidelity: Fidelity };
  readonly recipes?: readonly string[];
  readonly phase?: StudyPhase;
  /** Run to rank the units. */
  readonly calibrationTokens?: number;
  readonly report?: unknown;
}

/** A study as it stands. Throws STUDY_NOT_FOUND. */
export async function describeStudy({ studies, predictorStore, jobs }: StudyServices, studyId: string): Promise<Study> {
  const study = await studies.get(studyId);
  const plan = (study.plan ?? {}) as StoredPlan;
  const trials = await studies.trials(studyId);
  return {
    id: study.id,
    jobId: study.jobId,
    model: study.model,
    checkpointDigest: study.checkpointDigest,
    state: await findState(jobs, study),
    phase: plan.phase ?? StudyPhase.UNSPECIFIED,
    dimensions: (plan.space ?? []).map((dimension) => Dimension.fromJSON(dimension)),
    trials: trials.length,
    tokensSpent: trials.reduce((sum, { tokensSpent }) => sum + tokensSpent, BigInt(plan.calibrationTokens ?? 0)),
    predictorIds: await predictorStore.idsOfStudy(studyId),
    report: plan.report === undefined ? undefined : StudyReport.fromJSON(plan.report),
    searchMeasurement: plan.windows === undefined ? undefined : encodeMeasurement(plan.windows.measurement),
    searchFidelity: plan.windows === undefined ? undefined : encodeFidelity(plan.windows.fidelity),
    recipeDigests: [...(plan.recipes ?? [])],
    seed: BigInt(study.seed),
    createTime: toTimestamp(study.createdMs),
  };
}

/** A study outlives its job: once that is deleted, it has succeeded or it has not. */
export async function findState(jobs: Jobs, { jobId, state }: Pick<StudyRecord, 'jobId' | 'state'>): Promise<JobState> {
  try {
    return (await jobs.get(jobId)).state;
  } catch (error) {
    if (!(error instanceof PrunecastError) || error.reason !== 'JOB_NOT_FOUND') throw error;
    return state === JobState.SUCCEEDED ? state : JobState.FAILED;
  }
}
