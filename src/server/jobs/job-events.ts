import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import { type Job, type JobEvent, JobState } from '../../gen/prunecast/v1/job.js';
import type { HeldJob, Lease } from '../../core/ports/job-store.js';
import type { EventEntry, JobRecords, NewJob } from '../records/job-records.js';
import type { StoreRecord } from '../../core/ports/store.js';
import { toTimestamp } from '../encoding/timestamp.js';
import { createLine } from './create-line.js';

/** The events of jobs: stored as they happen, and shown to all who follow. */
export interface JobEvents {
  /**
   * The job's events numbered after `afterSequence`, stored ones first, then live ones, none missed, none repeated; ends
   * after the terminal event. A heartbeat (number 0, not stored) breaks every silence of ten seconds. However slowly the
   * events are taken, no more than a batch of them is held in memory.
   *
   * Throws JOB_NOT_FOUND, EVENTS_COMPACTED, INVALID_REQUEST for a number that the job has not reached, SERVER_STOPPING,
   * and the signal's reason.
   */
  follow(jobId: string, afterSequence: bigint, signal: AbortSignal): AsyncIterable<JobEvent>;
}

/** The writing side, for the runner of jobs alone. */
export interface JobEventLog extends JobEvents {
  /** Stores a new job with its first event, under a lease. */
  create(job: NewJob, first: NonNullable<JobEvent['payload']>, lease: Lease): Promise<HeldJob>;
  /** Stores events in one transaction, then wakes those who follow. Those of jobs that have ended, or whose lease is lost, are dropped; returns how many were stored. */
  append(entries: readonly EventEntry[]): Promise<number>;
  /** Stores events of one job, and what belongs with them, in one transaction, then wakes those who follow. Returns whether: nothing is stored for a job that has ended, or whose lease is lost. */
  commit(job: HeldJob, payloads: readonly EventEntry['payload'][], records: readonly StoreRecord[]): Promise<boolean>;
  /** Stores what belongs to no job. */
  keep(records: readonly StoreRecord[]): Promise<void>;
  /** The events of a job that are stored now, from the oldest kept. */
  stored(jobId: string): AsyncIterable<JobEvent>;
}

export interface JobEventSettings {
  readonly store: JobRecords;
  readonly clock: Clock;
  /** Fires when the server stops; its reason is what followers end with. */
  readonly stopping: AbortSignal;
  /** Longest silence of a followed job. */
  readonly heartbeatMs: number;
  /** Newest events of a job that are kept. */
  readonly keptEvents: number;
}

/** Events that a follower reads at a time, at most. */
const BATCH = 100;

export function createJobEvents({ store, clock, stopping, heartbeatMs, keptEvents }: JobEventSettings): JobEventLog {
  const followers = new Map<string, Set<() => void>>();
  // Appends stand in one line, so that events without an await between them keep their order.
  const inLine = createLine();
  const tell = async (jobId: string, sequence: number): Promise<void> => {
    if (sequence % BATCH === 0 && sequence > keptEvents) await store.compact(jobId, sequence - keptEvents);
    for (const wake of followers.get(jobId) ?? []) wake();
  };

  return {
    create: (job, first, lease) => inLine(() => store.create(job, first, lease)),
    append: (entries) =>
      inLine(async () => {
        const appended = await store.append(entries, clock.now());
        for (const { jobId, sequence } of appended) await tell(jobId, sequence);
        return appended.length;
      }),
    commit: (job, payloads, records) =>
      inLine(async () => {
        const last = await store.commit(job, payloads, records, clock.now());
        if (last === undefined) return false;
        for (const index of payloads.keys()) await tell(job.jobId, last - (payloads.length - 1 - index));
        return true;
      }),
    keep: (records) => (records.length === 0 ? Promise.resolve() : inLine(() => store.keep(records))),
    async *stored(jobId) {
      let cursor = 0;
      for (;;) {
        const events = await store.eventsAfter(jobId, cursor, BATCH);
        if (events.length === 0) return;
        yield* events;
        cursor = Number(events.at(-1)?.sequence ?? 0n);
      }
    },
    async *follow(jobId, afterSequence, signal) {
      let cursor = await findStart(store, jobId, afterSequence);
      const alarm = createAlarm([signal, stopping]);
      const wakes = followers.get(jobId) ?? new Set();
      followers.set(jobId, wakes.add(alarm.wake));
      try {
        for (;;) {
          signal.throwIfAborted();
          stopping.throwIfAborted();
          alarm.reset();
          const events = await store.eventsAfter(jobId, cursor, BATCH);
          for (const event of events) {
            yield event;
            cursor = Number(event.sequence);
            if (event.payload?.$case === 'ended') return;
          }
          if (events.length > 0) continue;
          // A follower that had the terminal event before it came finds nothing after it.
          const job = await store.get(jobId);
          if (Number(job.lastSequence) > cursor) continue;
          if (hasEnded(job)) return;
          if ((await alarm.wait(heartbeatMs)) === 'silence') yield heartbeat(jobId, clock);
        }
      } finally {
        alarm.release();
        wakes.delete(alarm.wake);
        if (wakes.size === 0 && followers.get(jobId) === wakes) followers.delete(jobId);
      }
    },
  };
}

/** Whether a job is in one of the states that it never leaves. */
export function hasEnded({ state }: Pick<Job, 'state'>): boolean {
  return state === JobState.SUCCEEDED || state === JobState.FAILED || state === JobState.CANCELLED;
}

async function findStart(store: JobRecords, jobId: string, afterSequence: bigint): Promise<number> {
  const { lastSequence } = await store.get(jobId);
  if (afterSequence < 0n || afterSequence > lastSequence) {
    throw PrunecastError.ofField(
      'after_sequence',
      `is ${afterSequence}: the job's events have the numbers 1 to ${lastSequence}; 0 asks for all`,
    );
  }
  const oldest = await store.oldestSequence(jobId);
  if (Number(afterSequence) + 1 < oldest) {
    throw new PrunecastError(
      'EVENTS_COMPACTED',
      `events up to ${oldest - 1} are no longer kept: watch after ${oldest - 1}`,
      { metadata: { oldest_sequence: String(oldest) } },
    );
  }
  return Number(afterSequence);
}

function heartbeat(jobId: string, clock: Clock): JobEvent {
  return { jobId, sequence: 0n, time: toTimestamp(clock.now()), payload: { $case: 'heartbeat', value: {} } };
}

interface Alarm {
  /** Ends the wait under way, or the next one if none is. */
  wake(): void;
  /** Forgets earlier wakes. */
  reset(): void;
  /** Waits for a wake, one of the signals, or the end of `silenceMs`. */
  wait(silenceMs: number): Promise<'woken' | 'silence'>;
  /** Lets go of the signals. */
  release(): void;
}

function createAlarm(signals: readonly AbortSignal[]): Alarm {
  let isWoken = false;
  let onWake: (() => void) | undefined;
  const wake = () => {
    isWoken = true;
    onWake?.();
  };
  for (const signal of signals) signal.addEventListener('abort', wake);
  return {
    wake,
    reset: () => {
      isWoken = false;
    },
    wait: (silenceMs) =>
      new Promise((resolve) => {
        if (isWoken || signals.some(({ aborted }) => aborted)) return resolve('woken');
        const timer = setTimeout(() => {
          onWake = undefined;
          resolve('silence');
        }, silenceMs);
        onWake = () => {
          onWake = undefined;
          clearTimeout(timer);
          resolve('woken');
        };
      }),
    release: () => {
      for (const signal of signals) signal.removeEventListener('abort', wake);
    },
  };
}
