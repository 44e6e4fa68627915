import type { JobEvent } from '../../gen/prunecast/v1/job.js';
import type { JobEvents } from '../jobs/events.js';
import type { StartContext } from '../kinds/runnable-kind.js';
import { decodeEvent } from '../records/job-records.js';
import type { CallContext } from './interceptors/call-context.js';
import type { Responses } from './responses.js';
import { tellOpening } from './tell-opening.js';

/** What Prune, Evaluate and Search all answer with. */
export interface JobStreamResponse {
  event: JobEvent | undefined;
}

/**
 * The handler of a method that starts a job, or attaches to one, and streams its events from the first. After the
 * terminal event of a failed or cancelled job the stream ends with that job's own status. A caller that goes away ends
 * its stream, never the job; what `start` throws ends the call before there is a job. What it tells of its progress
 * comes as events without a number.
 */
export function startAndFollow<Request>(
  events: JobEvents,
  start: (request: Request, context: StartContext) => Promise<{ readonly jobId: string }>,
): (request: Request, context: CallContext) => Responses<JobStreamResponse> {
  return async function* (request, context) {
    const { signal, caller, origin } = context;
    const { jobId } = yield* tellOpening(signal, (opening) => start(request, { ...opening, caller, origin }));
    for await (const event of followEvents(events, jobId, 0n, context)) {
      yield { event };
      if (event.payload?.$case === 'ended') return event.payload.value.error;
    }
    return undefined;
  };
}

/**
 * The events of a job, as `JobEvents.follow` gives them. The call knows after which it can be gone on with.
 */
export async function* followEvents(
  events: JobEvents,
  jobId: string,
  afterSequence: bigint,
  context: Pick<CallContext, 'signal' | 'offered' | 'reached' | 'jobId'>,
): AsyncGenerator<JobEvent, void, undefined> {
  context.offered = context.reached = { jobId, sequence: Number(afterSequence) };
  for await (const stored of events.follow(jobId, afterSequence, context.signal)) {
    context.jobId = jobId;
    // A heartbeat has no number.
    if (stored.sequence > 0) context.offered = { jobId, sequence: stored.sequence };
    yield decodeEvent(jobId, stored);
  }
}
