import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { Dimension, Measurement } from '../../gen/prunecast/v1/common.js';
import type { Study } from '../../gen/prunecast/v1/study.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import { StudyPhase, StudyReport } from '../../gen/prunecast/v1/study_types.js';
import { encodePlannedFidelity } from '../encoding/measurement.js';
import { toTimestamp } from '../encoding/timestamp.js';
import type { Jobs } from '../jobs/jobs.js';
import type { PredictorRecords } from '../records/predictor-records.js';
import { encodeState } from '../records/job-records.js';
import { readStudy } from '../records/read-study.js';
import type { StudyRecord, StudyRecords } from '../records/study-records.js';

export interface StudyServices {
  readonly studies: StudyRecords;
  readonly predictorStore: PredictorRecords;
  readonly jobs: Jobs;
}

/** A study as it is now. Throws STUDY_NOT_FOUND. */
export async function describeStudy({ studies, predictorStore, jobs }: StudyServices, studyId: string): Promise<Study> {
  const study = await studies.get(studyId);
  const { planVersion, progress, search, recipes } = readStudy(study);
  const trials = await studies.trials(studyId);
  return {
    id: study.id,
    jobId: study.jobId,
    model: study.model,
    checkpointDigest: study.checkpointDigest,
    state: await findState(jobs, study),
    phase: progress?.phase ?? StudyPhase.UNSPECIFIED,
    dimensions: (progress?.space ?? []).map((dimension) => Dimension.fromJSON(dimension)),
    trials: trials.length,
    tokensSpent: trials.reduce((sum, { tokensSpent }) => sum + tokensSpent, BigInt(progress?.calibrationTokens ?? 0)),
    predictorIds: await predictorStore.idsOfStudy(studyId),
    report: study.report === undefined ? undefined : StudyReport.fromJSON(study.report),
    searchMeasurement: search && Measurement.fromPartial({ ...search.measurement, fingerprint: search.fingerprint }),
    searchFidelity: search && encodePlannedFidelity(search.fidelity),
    recipeDigests: [...recipes],
    seed: BigInt(study.seed),
    createTime: toTimestamp(study.createdMs),
    planVersion,
  };
}

/** A study outlives its job: without the job, only whether it succeeded is known. */
export async function findState(jobs: Jobs, { jobId, state }: Pick<StudyRecord, 'jobId' | 'state'>): Promise<JobState> {
  try {
    return encodeState((await jobs.get(jobId)).state);
  } catch (error) {
    if (!(error instanceof PrunecastError) || error.reason !== 'JOB_NOT_FOUND') throw error;
    return state === JobState.SUCCEEDED ? state : JobState.FAILED;
  }
}
