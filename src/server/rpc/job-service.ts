import { JobServiceService, ResumeJobRequest } from '../../gen/prunecast/v1/job.js';
import type { JobEvents } from '../jobs/events.js';
import type { Jobs } from '../jobs/jobs.js';
import { decodeEvent, encodeJob, nameState } from '../records/job-records.js';
import { readEnum, readPageSize, requireText } from '../requests/fields.js';
import { defineService, type RpcService } from './rpc-service.js';

/** `JobService`: durable jobs, alike for every kind. */
export function createJobService(jobs: Jobs, events: JobEvents): RpcService {
  return defineService(JobServiceService, {
    getJob: async ({ jobId }) => ({ job: encodeJob(await jobs.get(requireText(jobId, 'job_id'))) }),
    listJobs: async ({ kind, state, pageSize, pageToken }) => {
      const asked = readEnum(state);
      const { values, nextPageToken } = await jobs.list({
        kind: readEnum(kind),
        state: asked === undefined ? undefined : nameState(asked),
        pageSize: readPageSize(pageSize),
        pageToken,
      });
      return { jobs: values.map(encodeJob), nextPageToken };
    },
    watchJob: async function* ({ jobId, afterSequence }, { signal }) {
      for await (const event of events.follow(requireText(jobId, 'job_id'), afterSequence, signal))
        yield { event: decodeEvent(jobId, event) };
    },
    cancelJob: async ({ jobId }) => ({
      job: encodeJob(await jobs.cancel(requireText(jobId, 'job_id'))),
    }),
    resumeJob: async (request, { signal }) => ({
      job: encodeJob(
        await jobs.resume(requireText(request.jobId, 'job_id'), ResumeJobRequest.encode(request).finish(), signal),
      ),
    }),
    deleteJob: async ({ jobId }) => {
      await jobs.remove(requireText(jobId, 'job_id'));
      return {};
    },
  });
}
