import { setTimeout as sleep } from 'node:timers/promises';
import { JobState, type JobEnded, type JobEvent } from '../gen/prunecast/v1/job.js';
import { CallError } from './call-error.js';
import { throwIfAborted, type CallOptions } from './transport.js';

/** When a lost stream of events is taken up again. */
export interface ReattachPolicy {
  /** Wait before the first new try. Default 200; each further wait is 1.6 times as long, and all vary by a fifth. */
  readonly firstDelayMs: number;
  /** The longest wait. Default 10,000. */
  readonly maxDelayMs: number;
  /** Give up when the server was lost so long ago. Default 300,000. */
  readonly giveUpAfterMs: number;
  /** The same if nothing was ever heard of it, when a wrong address is likelier than a restart. Default 2,000. */
  readonly giveUpStartAfterMs: number;
  /**
   * A stream without an event or heartbeat for this long counts as lost; the server sends one every 15 s. Default 45,000.
   * Not on a socket of this machine, which breaks with the server: silence there is that of a busy machine.
   */
  readonly silenceMs: number;
}

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

const DEFAULTS: ReattachPolicy = {
  firstDelayMs: 200,
  maxDelayMs: 10_000,
  giveUpAfterMs: 300_000,
  giveUpStartAfterMs: 2_000,
  silenceMs: 45_000,
};

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
  const policy = { ...DEFAULTS, ...options.reattach };
  const deadline = options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs;
  let jobId = source.jobId ?? '';
  let last = source.afterSequence ?? 0n;
  let heard = false;
  let lostAt: number | undefined;
  let delayMs = policy.firstDelayMs;
  for (;;) {
    let end: JobEnded | undefined;
    let lost = new CallError('the stream of events ended before the job did', { code: 'UNAVAILABLE' });
    try {
      let fresh = true;
      for await (const event of open(source, { jobId, last, silenceMs: policy.silenceMs, deadline }, options)) {
        jobId = event.jobId === '' ? jobId : event.jobId;
        [heard, lostAt, delayMs] = [true, undefined, policy.firstDelayMs];
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
      if (lost instanceof SilentStream) heard = true;
      if (options.signal?.aborted === true || !isWorthAnotherTry(lost)) throw lost;
    }
    if (end !== undefined) {
      const failure = errorOfEnd(end);
      if (failure !== undefined) throw failure;
      return;
    }
    const patience = heard ? policy.giveUpAfterMs : policy.giveUpStartAfterMs;
    lostAt ??= Date.now();
    if (Date.now() + delayMs - lostAt > patience || Date.now() + delayMs > deadline) throw lost;
    options.onLost?.({ error: lost, delayMs });
    await pause(delayMs * (0.8 + 0.4 * Math.random()), options.signal);
    delayMs = Math.min(delayMs * 1.6, policy.maxDelayMs);
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

// UNAVAILABLE: the server restarts, or the connection broke. The others, where no server gave a reason, are grpc-js's
// names for a stream that was reset: CANCELLED by a server that shut down by force, INTERNAL by one that broke off.
function isWorthAnotherTry({ code, reason }: CallError): boolean {
  return code === 'UNAVAILABLE' || (reason === '' && (code === 'CANCELLED' || code === 'INTERNAL'));
}

/**
 * One stream of events that fails as SilentStream when it falls silent, unless it breaks with its server. The clock runs
 * only while an event is awaited.
 */
async function* open(
  source: EventSource,
  { jobId, last, silenceMs, deadline }: StreamStart,
  { signal, onSilence }: FollowOptions,
): AsyncGenerator<JobEvent, void, undefined> {
  const silence = new AbortController();
  const onSilent = source.breaksWithServer === true ? () => onSilence?.() : () => silence.abort();
  const options: CallOptions = {
    signal: signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]),
    ...(Number.isFinite(deadline) && { timeoutMs: deadline - Date.now() }),
  };
  const stream =
    jobId === '' && source.start !== undefined ? source.start(options) : source.watch(jobId, last, options);
  const events = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(onSilent, silenceMs);
      const next = await events.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    if (silence.signal.aborted && signal?.aborted !== true) throw new SilentStream(silenceMs, error);
    throw error;
  } finally {
    await events.return?.();
  }
}

/** What a stream of events is opened with. */
interface StreamStart {
  readonly jobId: string;
  readonly last: bigint;
  readonly silenceMs: number;
  /** Milliseconds since 1970; Infinity for none. */
  readonly deadline: number;
}

class SilentStream extends CallError {
  constructor(silenceMs: number, cause: unknown) {
    super(`nothing was heard of the job for ${silenceMs / 1000} s`, { code: 'UNAVAILABLE', cause });
  }
}

function missedError(last: bigint, next: bigint, code: 'DATA_LOSS' | 'UNAVAILABLE'): CallError {
  return new CallError(`events between ${last} and ${next} are missing`, { code });
}

async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}
