import { JobServiceService, JobView, ResumeJobRequest } from '../../gen/prunecast/v1/job.js';
import type { JobEvents } from '../jobs/events.js';
import type { Jobs } from '../jobs/jobs.js';
import { describeFully, listFully } from '../records/describe-job.js';
import { encodeJob, nameState } from '../records/job-records.js';
import { readEnum, readPageSize, requireText } from '../requests/fields.js';
import { followEvents } from './follow-job.js';
import { defineService, type RpcService } from './rpc-service.js';

/** `JobService`: durable jobs, alike for every kind. */
export function createJobService(jobs: Jobs, events: JobEvents): RpcService {
  return defineService(JobServiceService, {
    getJob: async ({ jobId, view }, context) => {
      const job = await jobs.get(requireText(jobId, 'job_id'));
      context.jobId = job.id;
      return { job: view === JobView.BASIC ? encodeJob(job) : await describeFully(jobs, job) };
    },
    listJobs: async ({ kind, state, labels, view, pageSize, pageToken }) => {
      const asked = readEnum(state);
      const query = {
        kind: readEnum(kind),
        state: asked === undefined ? undefined : nameState(asked),
        labels,
        pageSize: readPageSize(pageSize),
        pageToken,
      };
      if (view === JobView.FULL) return listFully(jobs, query);
      const { values, nextPageToken } = await jobs.list(query);
      return { jobs: values.map(encodeJob), nextPageToken };
    },
    watchJob: async function* ({ jobId, afterSequence }, context) {
      for await (const event of followEvents(events, requireText(jobId, 'job_id'), afterSequence, context))
        yield { event };
    },
    cancelJob: async ({ jobId }, context) => {
      const job = await jobs.cancel(requireText(jobId, 'job_id'));
      context.jobId = job.id;
      return { job: encodeJob(job) };
    },
    resumeJob: async (request, context) => {
      const input = ResumeJobRequest.encode(request).finish();
      const job = await jobs.resume(requireText(request.jobId, 'job_id'), input, context.signal);
      context.jobId = job.id;
      return { job: encodeJob(job) };
    },
    deleteJob: async ({ jobId }, context) => {
      await jobs.remove(requireText(jobId, 'job_id'));
      context.jobId = jobId;
      return {};
    },
  });
}
