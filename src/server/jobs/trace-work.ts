import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { NO_TRACER, type SpanStart, type Tracer } from '../../core/ports/tracer.js';
import type { Work } from './jobs.js';
import { OPEN_PHASE } from './phase-log.js';
import type { ReadyJob } from './runner.js';
import { findStorageFault } from './storage-waits.js';

/**
 * The same work of a job, with a span for it and one for each of its phases. The span is part of the call that started the
 * job; a job that goes on, after a pause or under the next server, has a trace of its own that leads back to that call.
 */
export function traceWork(tracer: Tracer, { held, run, queued, opened, origin }: ReadyJob): Work {
  if (tracer === NO_TRACER) return run;
  return async (context) => {
    const goesOn = 'before' in opened;
    const span = tracer.begin({
      name: `job ${queued.kind}`,
      ...(goesOn ? { parent: 'none', link: origin?.trace } : { parent: origin?.trace ?? 'none' }),
      attributes: {
        'prunecast.job_id': held.jobId,
        'prunecast.kind': queued.kind,
        'prunecast.caller': queued.caller,
        ...(origin && { 'prunecast.request_id': origin.callId }),
      },
    });
    if (goesOn) span.enter(describePhase(OPEN_PHASE));
    const phases: typeof context.phases = {
      ...context.phases,
      enter: (name, round) => {
        context.phases.enter(name, round);
        span.enter(describePhase(name, round));
      },
      leave: () => {
        context.phases.leave();
        span.leave();
      },
    };
    try {
      const end = await span.within(() => run({ ...context, phases }));
      span.end({ attributes: { 'prunecast.state': end.change.to } });
      return end;
    } catch (error) {
      const { signal } = context;
      if (signal.aborted) span.end({ attributes: { 'prunecast.ended_by': describe(signal.reason) } });
      else {
        const fault = findStorageFault(error);
        span.end({
          attributes: { 'prunecast.state': fault === undefined ? 'failed' : 'paused' },
          fault: describe(fault ?? error),
        });
      }
      throw error;
    }
  };
}

function describePhase(name: string, round = 0): Pick<SpanStart, 'name' | 'attributes'> {
  return { name: `phase ${name}`, ...(round > 0 && { attributes: { 'prunecast.round': round } }) };
}

function describe(error: unknown): string {
  return error instanceof PrunecastError ? error.reason : 'INTERNAL';
}
