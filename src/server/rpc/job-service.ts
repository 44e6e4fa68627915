import { JobServiceService } from '../../gen/prunecast/v1/job.js';
import type { JobEvents } from '../jobs/job-events.js';
import type { Jobs } from '../jobs/jobs.js';
import { readEnum, readPageSize, requireText } from '../requests/fields.js';
import { defineService, type RpcService } from './rpc-service.js';

/** `JobService`: durable jobs, alike for every kind. */
export function createJobService(jobs: Jobs, events: JobEvents): RpcService {
  return defineService(JobServiceService, {
    getJob: async ({ jobId }) => ({ job: await jobs.get(requireText(jobId, 'job_id')) }),
    listJobs: async ({ kind, state, pageSize, pageToken }) => {
      const page = await jobs.list({
        kind: readEnum(kind),
        state: readEnum(state),
        pageSize: readPageSize(pageSize),
        pageToken,
      });
      return { jobs: [...page.jobs], nextPageToken: page.nextPageToken };
    },
    watchJob: async function* ({ jobId, afterSequence }, { signal }) {
      for await (const event of events.follow(requireText(jobId, 'job_id'), afterSequence, signal)) yield { event };
    },
    cancelJob: async ({ jobId }) => ({ job: await jobs.cancel(requireText(jobId, 'job_id')) }),
    resumeJob: async ({ jobId, ranges }, { signal }) => ({
      job: await jobs.resume(requireText(jobId, 'job_id'), ranges, signal),
    }),
    deleteJob: async ({ jobId }) => {
      await jobs.remove(requireText(jobId, 'job_id'));
      return {};
    },
  });
}
