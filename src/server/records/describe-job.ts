import { readStored } from '../../core/errors/read-stored.js';
import type { StoredJob, StoredJobQuery } from '../../core/ports/job-store.js';
import { Job, type JobEnded, JobEvent, JobKind, type ListJobsResponse } from '../../gen/prunecast/v1/job.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import type { Jobs } from '../jobs/jobs.js';
import { encodeJob } from './job-records.js';

/** Leaves room for the message around a job, or around a page of them. */
const MOST_BYTES = MAX_MESSAGE_BYTES - 1024;

/** The messages that jobs are made for, by their kind. */
const REQUESTS: Readonly<Record<number, string>> = {
  [JobKind.PRUNE]: 'PruneRequest',
  [JobKind.EVALUATE]: 'EvaluateRequest',
  [JobKind.SEARCH]: 'SearchRequest',
  [JobKind.SAMPLE_PAIRS]: 'SamplePairsRequest',
  [JobKind.FIT_PREDICTOR]: 'FitPredictorRequest',
};

/**
 * A job in the full view: with what it was asked for, and what came out. Either is left out if the job would not fit a
 * message with it.
 *
 * @throws PrunecastError STATE_DAMAGED
 */
export async function describeFully(jobs: Jobs, stored: StoredJob): Promise<Job> {
  const job = encodeJob(stored);
  const withResult = whereItFits(job, { result: await findResult(jobs, stored) });
  const request = await jobs.request(stored.id);
  return whereItFits(withResult, {
    request: request && {
      typeUrl: `type.googleapis.com/prunecast.v1.${REQUESTS[stored.kind]}`,
      value: Buffer.from(request),
    },
  });
}

/** A page of jobs in the full view: as many as fit a message, at least one if there is one. */
export async function listFully(jobs: Jobs, query: StoredJobQuery): Promise<ListJobsResponse> {
  const listed: Job[] = [];
  let [nextPageToken, bytes] = [query.pageToken, 0];
  do {
    // One by one: only the store makes tokens, of the last job of a page.
    const page = await jobs.list({ ...query, pageSize: 1, pageToken: nextPageToken });
    for (const stored of page.values) {
      const job = await describeFully(jobs, stored);
      bytes += sizeOf(job) + ENTRY_BYTES;
      if (listed.length > 0 && bytes > MOST_BYTES) return { jobs: listed, nextPageToken };
      listed.push(job);
    }
    ({ nextPageToken } = page);
  } while (nextPageToken !== '' && listed.length < query.pageSize);
  return { jobs: listed, nextPageToken };
}

/** The tag and the length of a job in a list. */
const ENTRY_BYTES = 6;

function whereItFits(job: Job, part: Partial<Job>): Job {
  const whole = { ...job, ...part };
  return sizeOf(whole) <= MOST_BYTES ? whole : job;
}

function sizeOf(job: Job): number {
  return Job.encode(job).finish().length;
}

async function findResult(jobs: Jobs, { id, state, lastSequence }: StoredJob): Promise<JobEnded['result']> {
  const event = state === 'succeeded' ? await jobs.newestEvent({ id, lastSequence }) : undefined;
  if (event === undefined) return undefined;
  const { payload } = readStored(`event ${event.sequence} of ${id}`, () => JobEvent.decode(event.payload));
  return payload?.$case === 'ended' ? payload.value.result : undefined;
}
