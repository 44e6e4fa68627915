import { JobState, type JobEnded, type JobEvent } from '../gen/prunecast/v1/job.js';
import { CallError } from './call-error.js';
import { createPatience, DEFAULT_REATTACH, type ReattachPolicy } from './reattach.js';
import type { CallOptions } from './transport.js';
import { SilentStream, untilSilent } from './until-silent.js';

export interface FollowOptions extends CallOptions {
  readonly reattach?: Partial<ReattachPolicy>;
  /**
   * Told how far the server is with what comes before the job, such as opening the model and tokenizing: progress events
   * that name no job.
   */
  readonly onOpening?: (event: JobEvent) => void;
  /** Told when nothing was heard for `silenceMs` on a socket of this machine; it is waited on. */
  readonly onSilence?: () => void;
  /** Told of each lost stream before the wait. */
  readonly onLost?: (loss: { readonly error: CallError; readonly delayMs: number }) => void;
}

/** Where events come from. */
export interface EventSource {
  /**
   * The stream that starts the job, or attaches to it; called again only while no event has come. Undefined: the job
   * runs already.
   */
  readonly start?: (options: CallOptions) => AsyncIterable<JobEvent>;
  /** The events after a number. */
  readonly watch: (jobId: string, afterSequence: bigint, options: CallOptions) => AsyncIterable<JobEvent>;
  readonly jobId?: string;
  /** Whether the connection breaks when the server ends, as a socket of this machine does. Default false. */
  readonly breaksWithServer?: boolean;
  /** The last number that the caller has. Default 0: all events. */
  readonly afterSequence?: bigint;
}

/**
 * A job's events, none missed, none repeated, up to the terminal one, across lost connections and restarts of the
 * server: after UNAVAILABLE, silence or an early end it watches again from the last number it has. Heartbeats are used,
 * not yielded.
 *
 * The terminal event is yielded too; then the job's own error is thrown if it failed or was cancelled.
 *
 * @throws CallError of the job, of a call that trying again cannot repair, or of the last try
 */
export async function* followEvents(
  source: EventSource,
  options: FollowOptions = {},
): AsyncGenerator<JobEvent, void, undefined> {
  const { breaksWithServer = false } = source;
  const { silenceMs } = { ...DEFAULT_REATTACH, ...options.reattach };
  const patience = createPatience(options);
  const deadline = options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs;
  let jobId = source.jobId ?? '';
  let last = source.afterSequence ?? 0n;
  for (;;) {
    let end: JobEnded | undefined;
    let lost = new CallError('the stream of events ended before the job did', { code: 'UNAVAILABLE' });
    try {
      let fresh = true;
      const open = (call: CallOptions) =>
        jobId === '' && source.start !== undefined ? source.start(call) : source.watch(jobId, last, call);
      for await (const event of untilSilent(open, { silenceMs, deadline, breaksWithServer, ...options })) {
        jobId = event.jobId === '' ? jobId : event.jobId;
        patience.heard();
        if (event.payload?.$case === 'progress' && event.sequence === 0n) options.onOpening?.(event);
        if (event.payload?.$case === 'heartbeat' || event.sequence <= last) continue;
        if (event.sequence > last + 1n) throw missedError(last, event.sequence, fresh ? 'DATA_LOSS' : 'UNAVAILABLE');
        fresh = false;
        last = event.sequence;
        yield event;
        if (event.payload?.$case !== 'ended') continue;
        end = event.payload.value;
        break;
      }
    } catch (error) {
      lost = CallError.from(error);
      // A server that takes a call and then says nothing is there, and busy.
      if (lost instanceof SilentStream) patience.isThere();
    }
    if (end !== undefined) {
      const failure = errorOfEnd(end);
      if (failure !== undefined) throw failure;
      return;
    }
    await patience.waitAfter(lost, deadline);
  }
}

/** The error that a terminal event stands for; undefined when the job succeeded. */
export function errorOfEnd(end: JobEnded): CallError | undefined {
  if (end.state === JobState.SUCCEEDED) return undefined;
  if (end.error !== undefined) return CallError.fromStatus(end.error);
  return end.state === JobState.CANCELLED
    ? new CallError('the job was cancelled', { code: 'CANCELLED', reason: 'CANCELLED' })
    : new CallError('the job failed and the server gave no reason', { code: 'UNKNOWN' });
}

function missedError(last: bigint, next: bigint, code: 'DATA_LOSS' | 'UNAVAILABLE'): CallError {
  return new CallError(`events between ${last} and ${next} are missing`, { code });
}
