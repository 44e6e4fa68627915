import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import { JobEvent, JobState, type JobPaused } from '../../gen/prunecast/v1/job.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import { encodeStatus } from '../errors/encode-status.js';
import { orAborted } from '../../core/or-aborted.js';
import type { HeldJob } from '../../core/ports/job-store.js';
import type { EventEntry } from '../records/job-records.js';
import type { StoreRecord } from '../../core/ports/store.js';
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
  /** How long after a first failure the end of a job is stored again; each time twice as long as before, `MOST_RETRY_MS` at most. */
  readonly storeRetryMs: number;
}

export interface RunningJob {
  readonly controller: AbortController;
  /**
   * Resolves when the job has its terminal event, or waits for ResumeJob, or is left to the next server: the next job may start. A
   * cancelled run that has not settled by then is left behind, and stores nothing more.
   */
  readonly ended: Promise<void>;
  /** As `ended`, but rejects with what first kept the end from being stored. */
  readonly told: Promise<void>;
}

type Outcome =
  | { readonly kind: 'succeeded'; readonly result: JobResult }
  | { readonly kind: 'paused'; readonly paused: JobPaused }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'cancelled' };

/** Leaves room for the event's id, number and time, and for the message around it. */
const MOST_EVENT_BYTES = MAX_MESSAGE_BYTES - 1024;

/** The longest pause between two attempts to store the end of a job. */
const MOST_RETRY_MS = 10_000;

/**
 * Runs a job that has started: stores what it emits and how it ends, for as long as the lease is this server's. An end that the
 * store does not take, as on a full disk, is stored again and again until it is there or the server stops: no job runs for ever.
 */
export function runJob(
  job: HeldJob,
  run: JobSpec['run'],
  { events, clock, log, stopping, cancelGraceMs, storeRetryMs }: RunSettings,
): RunningJob {
  const controller = new AbortController();
  if (stopping.aborted) controller.abort(stopping.reason);
  const reporter = createProgressReporter(clock, (value) => {
    events
      .append([{ ...job, payload: { $case: 'progress', value } }])
      .catch((error: unknown) => log.error({ err: error }, 'progress was not stored'));
  });
  const pending = createPending();
  const commit = async (payloads: readonly EventEntry['payload'][], records: readonly StoreRecord[]): Promise<void> => {
    payloads.forEach(checkSize);
    const { joined, kept } = pending.take();
    const stored = await events.commit(job, payloads, [...kept, ...joined, ...records]).catch((error: unknown) => {
      pending.putBack({ joined, kept });
      throw error;
    });
    if (stored) return;
    await events.keep(kept);
    throw (
      controller.signal.reason ?? new Error(`${job.jobId} has ended, or is another server's: it stores nothing more`)
    );
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
    if (result?.$case !== 'paused')
      checkSize({ $case: 'ended', value: { state: JobState.SUCCEEDED, error: undefined, result } });
    return result;
  });
  const notStored = new AbortController();
  const storeEnd = async (end: EventEntry['payload']): Promise<void> => {
    const { joined, kept } = pending.take();
    let payload = end;
    let records: readonly StoreRecord[] = [...kept, ...joined];
    for (let waitMs = storeRetryMs; !stopping.aborted; waitMs = Math.min(2 * waitMs, MOST_RETRY_MS)) {
      try {
        if (!(await events.commit(job, [payload], records))) await events.keep(kept);
        return;
      } catch (error) {
        log.error({ err: error }, 'the end of a job was not stored; it is tried again');
        notStored.abort(error);
        // What is at fault for itself, and not the store, would fail again.
        if (!isStoreFault(error)) [payload, records] = [describeEnd({ kind: 'failed', error }, log), kept];
        await pause(waitMs, undefined, { signal: stopping }).catch(() => undefined);
      }
    }
  };
  const ended = (async () => {
    const first = await Promise.race([outcome, cancelledTooLong(controller.signal, cancelGraceMs)]);
    if (first.kind === 'late') log.warn('the work of a cancelled job has not ended in time, and is left behind');
    if (stopping.aborted) return await events.keep(pending.take().kept);
    reporter.flush();
    await storeEnd(
      describeEnd(controller.signal.aborted || first.kind === 'late' ? { kind: 'cancelled' } : first, log),
    );
  })().catch((error: unknown) => log.error({ err: error }, 'the end of a job was not stored'));
  const told = orAborted(ended, notStored.signal);
  told.catch(() => undefined);
  return { controller, ended, told };
}

/** Whether an error is the store's own, so that the same may be stored later. */
function isStoreFault(error: unknown): boolean {
  return error instanceof PrunecastError && (error.reason === 'STORAGE_FULL' || error.reason === 'STATE_UNAVAILABLE');
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
  let joined: readonly StoreRecord[] = [];
  let kept: readonly StoreRecord[] = [];
  return {
    join: (record: StoreRecord): void => {
      joined = [...joined, record];
    },
    keep: (record: StoreRecord): void => {
      kept = [...kept, record];
    },
    take: () => {
      const taken = { joined, kept };
      joined = [];
      kept = [];
      return taken;
    },
    /** What could not be stored comes first the next time. */
    putBack: (taken: { readonly joined: readonly StoreRecord[]; readonly kept: readonly StoreRecord[] }): void => {
      joined = [...taken.joined, ...joined];
      kept = [...taken.kept, ...kept];
    },
  };
}

/** An event that no stream could carry is refused before it is stored: nobody could watch the job past it. */
function checkSize(payload: EventEntry['payload']): void {
  const bytes = JobEvent.encode(JobEvent.create({ payload })).finish().length;
  if (bytes <= MOST_EVENT_BYTES) return;
  throw new PrunecastError(
    'MESSAGE_TOO_LARGE',
    `a "${payload.$case}" event of ${bytes} bytes exceeds the message limit of ${MAX_MESSAGE_BYTES}`,
    { metadata: { bytes: String(bytes) } },
  );
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
function cancelledTooLong(signal: AbortSignal, graceMs: number): Promise<{ readonly kind: 'late' }> {
  return new Promise((resolve) => {
    const wait = (): void => void setTimeout(() => resolve({ kind: 'late' }), graceMs).unref();
    if (signal.aborted) wait();
    else signal.addEventListener('abort', wait, { once: true });
  });
}

function describeEnd(outcome: Outcome, log: Logger): EventEntry['payload'] {
  switch (outcome.kind) {
    case 'paused':
      return { $case: 'paused', value: outcome.paused };
    case 'succeeded':
      return { $case: 'ended', value: { state: JobState.SUCCEEDED, error: undefined, result: outcome.result } };
    case 'failed':
      return {
        $case: 'ended',
        value: { state: JobState.FAILED, error: encodeStatus(outcome.error, log), result: undefined },
      };
    case 'cancelled':
      return {
        $case: 'ended',
        value: { state: JobState.CANCELLED, error: encodeStatus(cancelled(), log), result: undefined },
      };
  }
}
