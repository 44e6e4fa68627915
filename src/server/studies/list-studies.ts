import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PageQuery } from '../../core/ports/pages.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import type { ListStudiesResponse } from '../../gen/prunecast/v1/study.js';
import { toTimestamp } from '../encoding/timestamp.js';
import { findState, type StudyServices } from './describe-study.js';

/** A page of studies, newest first. */
export async function listStudies(
  { studies, jobs }: Pick<StudyServices, 'studies' | 'jobs'>,
  query: PageQuery,
): Promise<ListStudiesResponse> {
  const { values, nextPageToken } = await studies.list(query);
  const summaries: ListStudiesResponse['studies'] = [];
  for (const { id, jobId, model, checkpointDigest, state, createdMs, trials } of values) {
    summaries.push({
      id,
      jobId,
      model,
      checkpointDigest,
      state: await findState(jobs, { jobId, state }),
      createTime: toTimestamp(createdMs),
      trials,
    });
  }
  return { studies: summaries, nextPageToken };
}

/** Deletes a study. Throws STUDY_NOT_FOUND, and JOB_ACTIVE if its job has not ended. */
export async function deleteStudy(
  { studies, jobs }: Pick<StudyServices, 'studies' | 'jobs'>,
  studyId: string,
): Promise<void> {
  const study = await studies.get(studyId);
  if (!ENDED.has(await findState(jobs, study)))
    throw new PrunecastError(
      'JOB_ACTIVE',
      `the study ${studyId} belongs to job ${study.jobId}, which has not ended: cancel it first`,
      { metadata: { study_id: studyId, job_id: study.jobId } },
    );
  await studies.remove(studyId);
}

const ENDED: ReadonlySet<JobState> = new Set([JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED]);
