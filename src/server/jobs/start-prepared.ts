import type { JobKind } from '../../gen/prunecast/v1/job.js';
import type { Plan } from '../../gen/prunecast/v1/pruning.js';
import type { JobContext, JobResult, Jobs } from './jobs.js';

/** A request that was checked: either its plan, where no more was asked, or the work to be done. */
export type Prepared =
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'work'; readonly studyId?: string; readonly run: (context: JobContext) => Promise<JobResult> };

/** A request as jobs know it. */
export interface JobRequest {
  readonly kind: JobKind;
  readonly requestId: string;
  readonly requestDigest: string;
}

/**
 * Attaches to the job of a known request id; otherwise prepares the request, and starts a job for it. A request that does
 * not prepare leaves nothing behind.
 */
export async function startPrepared(jobs: Jobs, request: JobRequest, prepare: () => Promise<Prepared>): Promise<{ readonly jobId: string } | { readonly plan: Plan }> {
  const known = await jobs.findByRequestId(request.requestId, request.requestDigest);
  if (known !== undefined) return { jobId: known };
  const prepared = await prepare();
  if (prepared.kind === 'plan') return { plan: prepared.plan };
  const { run, studyId } = prepared;
  const { jobId } = await jobs.start({ ...request, run, ...(studyId === undefined ? {} : { studyId }) });
  return { jobId };
}
