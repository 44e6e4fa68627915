import { JobServiceService } from '../../gen/prunecast/v1/job.js';
import type { JobEvents } from '../jobs/job-events.js';
import type { Jobs } from '../jobs/jobs.js';
import { readEnum, readPageSize, requireText } from '../requests/fields.js';
import { defineService, type RpcService } from './rpc-service.js';
import { serveStream } from './serve-stream.js';
import { serveUnary } from './serve-unary.js';

/** `JobService`: durable jobs, alike for every kind. */
export function createJobService(jobs: Jobs, events: JobEvents): RpcService {
  return defineService(JobServiceService, {
    getJob: serveUnary(async (request) => ({ job: await jobs.get(requireText(request.jobId, 'job_id')) })),
    listJobs: serveUnary(async (request) => {
      const page = await jobs.list({
        kind: readEnum(request.kind),
        state: readEnum(request.state),
        pageSize: readPageSize(request.pageSize),
        pageToken: request.pageToken,
      });
      return { jobs: [...page.jobs], nextPageToken: page.nextPageToken };
    }),
    watchJob: serveStream(async function* (request, signal) {
      for await (const event of events.follow(requireText(request.jobId, 'job_id'), request.afterSequence, signal))
        yield { event };
    }),
    cancelJob: serveUnary(async (request) => ({ job: await jobs.cancel(requireText(request.jobId, 'job_id')) })),
    resumeJob: serveUnary(async (request, signal) => ({
      job: await jobs.resume(requireText(request.jobId, 'job_id'), request.ranges, signal),
    })),
    deleteJob: serveUnary(async (request) => {
      await jobs.remove(requireText(request.jobId, 'job_id'));
      return {};
    }),
  });
}
