import type { Logger } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import { JobEvent, JobState, type JobPaused } from '../../gen/prunecast/v1/job.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import { encodeStatus } from '../errors/encode-status.js';
import type { EventEntry, HeldJob } from '../store/job-store.js';
import type { StoreWrite } from '../store/store-write.js';
import type { JobEventLog } from './job-events.js';
import type { EmittedPayload, JobContext, JobOutcome, JobResult, JobSpec } from './jobs.js';
import { createProgressReporter } from './progress-reporter.js';

export interface RunSettings {
  readonly events: JobEventLog;
  readonly clock: Clock;
  readonly log: Logger;
  /** Fires when the server stops. */
  readonly stopping: AbortSignal;
  /** How long a cancelled job may take to end by itself. */
  readonly cancelGraceMs: number;
}

export interface RunningJob {
  readonly controller: AbortController;
  /** Resolves when the job has its terminal event, or waits for ResumeJob. */
  readonly ended: Promise<void>;
  /** Resolves when its run has settled, and the next job may start. */
  readonly settled: Promise<void>;
}

type Outcome =
  | { readonly kind: 'succeeded'; readonly result: JobResult }
  | { readonly kind: 'paused'; readonly paused: JobPaused }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'cancelled' };

/** Leaves room for the event's id, number and time, and for the message around it. */
const MOST_EVENT_BYTES = MAX_MESSAGE_BYTES - 1024;

/** Runs a job that has started: stores what it emits and how it ends, for as long as the lease is this server's. */
export function runJob(job: HeldJob, run: JobSpec['run'], { events, clock, log, stopping, cancelGraceMs }: RunSettings): RunningJob {
  const controller = new AbortController();
  if (stopping.aborted) controller.abort(stopping.reason);
  const reporter = createProgressReporter(clock, (value) => {
    events.append([{ ...job, payload: { $case: 'progress', value } }]).catch((error: unknown) => log.error({ err: error }, 'progress was not stored'));
  });
  const pending = createPending();
  const commit = async (payloads: readonly EventEntry['payload'][], writes: readonly StoreWrite[]): Promise<void> => {
    payloads.forEach(checkSize);
    const { joined, kept } = pending.take();
    if (await events.commit(job, payloads, [...kept, ...joined, ...writes])) return;
    await events.keep(kept);
    throw controller.signal.reason ?? new Error(`${job.jobId} has ended, or is another server's: it stores nothing more`);
  };
  const context: JobContext = {
    jobId: job.jobId,
    signal: controller.signal,
    emit: (payload: EmittedPayload) => commit([payload], []),
    commit,
    join: pending.join,
    keep: pending.keep,
    stored: () => events.stored(job.jobId),
    progress: reporter.report,
  };
  const outcome = observe(async () => {
    const result = await run(context);
    if (result?.$case !== 'paused') checkSize({ $case: 'ended', value: { state: JobState.SUCCEEDED, error: undefined, result } });
    return result;
  });
  const ended = (async () => {
    const first = await Promise.race([outcome, cancelledTooLong(controller.signal, cancelGraceMs)]);
    if (stopping.aborted) return await events.keep(pending.take().kept);
    reporter.flush();
    await commit([describeEnd(controller.signal.aborted ? { kind: 'cancelled' } : first, log)], []);
  })().catch((error: unknown) => log.error({ err: error }, 'the end of a job was not stored'));
  return { controller, ended, settled: Promise.all([outcome, ended]).then(() => undefined) };
}

/** How a job ends that was cancelled. */
export function describeCancelled(log: Logger): EventEntry['payload'] {
  return describeEnd({ kind: 'cancelled' }, log);
}

/** What a caller's cancel makes the work end with. */
export function cancelled(): PrunecastError {
  return new PrunecastError('CANCELLED', 'the job was cancelled');
}

/** What is to be stored with the next event. */
function createPending() {
  let joined: readonly StoreWrite[] = [];
  let kept: readonly StoreWrite[] = [];
  return {
    join: (write: StoreWrite): void => {
      joined = [...joined, write];
    },
    keep: (write: StoreWrite): void => {
      kept = [...kept, write];
    },
    take: () => {
      const taken = { joined, kept };
      joined = [];
      kept = [];
      return taken;
    },
  };
}

/** An event that no stream could carry is refused before it is stored: nobody could watch the job past it. */
function checkSize(payload: EventEntry['payload']): void {
  const bytes = JobEvent.encode(JobEvent.create({ payload })).finish().length;
  if (bytes <= MOST_EVENT_BYTES) return;
  throw new PrunecastError('MESSAGE_TOO_LARGE', `a "${payload.$case}" event of ${bytes} bytes exceeds the message limit of ${MAX_MESSAGE_BYTES}`, { metadata: { bytes: String(bytes) } });
}

async function observe(run: () => Promise<JobOutcome>): Promise<Outcome> {
  try {
    const result = await run();
    return result?.$case === 'paused' ? { kind: 'paused', paused: result.value } : { kind: 'succeeded', result };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** Resolves when a run has had its time to end after the signal; never when the signal does not fire. */
function cancelledTooLong(signal: AbortSignal, graceMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => setTimeout(() => resolve({ kind: 'cancelled' }), graceMs).unref(), { once: true });
  });
}

function describeEnd(outcome: Outcome, log: Logger): EventEntry['payload'] {
  switch (outcome.kind) {
    case 'paused': return { $case: 'paused', value: outcome.paused };
    case 'succeeded': return { $case: 'ended', value: { state: JobState.SUCCEEDED, error: undefined, result: outcome.result } };
    case 'failed': return { $case: 'ended', value: { state: JobState.FAILED, error: encodeStatus(outcome.error, log), result: undefined } };
    case 'cancelled': return { $case: 'ended', value: { state: JobState.CANCELLED, error: encodeStatus(cancelled(), log), result: undefined } };
  }
}
