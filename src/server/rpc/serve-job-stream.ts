import type { handleServerStreamingCall } from '@grpc/grpc-js';
import type { JobEvent } from '../../gen/prunecast/v1/job.js';
import type { JobEvents } from '../jobs/job-events.js';
import type { Served } from './call-context.js';
import { serveStream } from './serve-stream.js';

/** What Prune, Evaluate and Search all answer with. */
export interface JobStreamResponse {
  event: JobEvent | undefined;
}

/**
 * A method that starts a job, or attaches to one, and streams its events from the first. After the terminal event of a
 * failed or cancelled job the stream ends with that job's own status. A caller that goes away ends its stream, never the
 * job; what `start` throws ends the call before there is one.
 */
export function serveJobStream<Request>(
  events: JobEvents,
  start: (request: Request, signal: AbortSignal) => Promise<{ readonly jobId: string }>,
): Served<handleServerStreamingCall<Request, JobStreamResponse>> {
  return serveStream(async function* (request: Request, signal) {
    const { jobId } = await start(request, signal);
    for await (const event of events.follow(jobId, 0n, signal)) {
      yield { event };
      if (event.payload?.$case === 'ended') return event.payload.value.error;
    }
    return undefined;
  });
}
