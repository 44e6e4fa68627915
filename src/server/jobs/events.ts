import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import {
  isEnded,
  type EventRecord,
  type HeldJob,
  type JobStore,
  type Lease,
  type NewJob,
  type StoredEvent,
} from '../../core/ports/job-store.js';
import type { Store, StoreRecord } from '../../core/ports/store.js';
import { createAlarm } from './alarm.js';
import type { EventCodec } from './event-codec.js';
import { createSerializer } from './serialize.js';

/** The events of jobs: stored as they happen, and shown to all who follow. */
export interface JobEvents {
  /**
   * The job's events numbered after `afterSequence`, stored ones first, then live ones, none missed, none repeated;
   * ends after the terminal event. A heartbeat (number 0, not stored) breaks every silence of ten seconds. However
   * slowly the events are taken, no more than a batch of them is held in memory.
   *
   * Throws JOB_NOT_FOUND, EVENTS_COMPACTED, INVALID_REQUEST for a number that the job has not reached, SERVER_STOPPING,
   * and the signal's reason.
   */
  follow(jobId: string, afterSequence: bigint, signal: AbortSignal): AsyncIterable<StoredEvent>;
}

/** The writing side, for the runner of jobs alone. */
export interface JobEventLog extends JobEvents {
  /** Stores a new job with its first event, under a lease. */
  create(job: NewJob, first: EventRecord, lease: Lease): Promise<HeldJob>;
  /**
   * Stores events in one transaction, then wakes those who follow. Those of jobs that have ended, or whose lease is
   * lost, are dropped; returns how many were stored.
   */
  append(events: readonly (HeldJob & EventRecord)[]): Promise<number>;
  /**
   * Stores events of one job, and what belongs with them, in one transaction, then wakes those who follow. Returns
   * whether: nothing is stored for a job that has ended, or whose lease is lost.
   */
  commit(job: HeldJob, records: readonly (EventRecord | StoreRecord)[]): Promise<boolean>;
  /** Stores what belongs to no job. */
  keep(records: readonly StoreRecord[]): Promise<void>;
  /** The events of a job that are stored now, from the oldest kept. */
  stored(jobId: string): AsyncIterable<StoredEvent>;
}

export interface JobEventSettings {
  readonly store: Store;
  readonly codec: Pick<EventCodec, 'heartbeat'>;
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

export function createJobEvents({
  store,
  codec,
  clock,
  stopping,
  heartbeatMs,
  keptEvents,
}: JobEventSettings): JobEventLog {
  const { jobs } = store;
  const followers = new Map<string, Set<() => void>>();
  // One append after the other, so that events without an await between them keep their order.
  const serialize = createSerializer();
  const tell = async (jobId: string, sequence: number): Promise<void> => {
    if (sequence % BATCH === 0 && sequence > keptEvents) await jobs.compact(jobId, sequence - keptEvents);
    for (const wake of followers.get(jobId) ?? []) wake();
  };

  return {
    create: (job, first, lease) => serialize(() => jobs.create(job, first, lease)),
    append: (events) =>
      serialize(async () => {
        const appended = await jobs.append(events, clock.now());
        for (const { jobId, sequence } of appended) await tell(jobId, sequence);
        return appended.length;
      }),
    commit: (job, records) =>
      serialize(async () => {
        const last = await store.commit(job, records, clock.now());
        if (last === undefined) return false;
        const count = records.filter(({ kind }) => kind === 'event').length;
        for (let back = count - 1; back >= 0; back--) await tell(job.jobId, last - back);
        return true;
      }),
    keep: (records) => (records.length === 0 ? Promise.resolve() : serialize(() => store.keep(records))),
    async *stored(jobId) {
      let cursor = 0;
      for (;;) {
        const events = await jobs.eventsAfter(jobId, cursor, BATCH);
        if (events.length === 0) return;
        yield* events;
        cursor = events.at(-1)?.sequence ?? cursor;
      }
    },
    async *follow(jobId, afterSequence, signal) {
      let cursor = await findStart(jobs, jobId, afterSequence);
      const alarm = createAlarm([signal, stopping]);
      const wakes = followers.get(jobId) ?? new Set();
      followers.set(jobId, wakes.add(alarm.wake));
      try {
        for (;;) {
          signal.throwIfAborted();
          stopping.throwIfAborted();
          alarm.reset();
          const events = await jobs.eventsAfter(jobId, cursor, BATCH);
          for (const event of events) {
            yield event;
            cursor = event.sequence;
          }
          if (events.length === BATCH) continue;
          const job = await jobs.get(jobId);
          if (job.lastSequence > cursor) continue;
          if (isEnded(job.state)) return;
          if ((await alarm.wait(heartbeatMs)) === 'silence')
            yield { sequence: 0, timeMs: clock.now(), payload: codec.heartbeat() };
        }
      } finally {
        alarm.release();
        wakes.delete(alarm.wake);
        if (wakes.size === 0 && followers.get(jobId) === wakes) followers.delete(jobId);
      }
    },
  };
}

async function findStart(jobs: JobStore, jobId: string, afterSequence: bigint): Promise<number> {
  const { lastSequence } = await jobs.get(jobId);
  if (afterSequence < 0n || afterSequence > lastSequence) {
    throw PrunecastError.ofField(
      'after_sequence',
      `is ${afterSequence}: the job's events have the numbers 1 to ${lastSequence}; 0 asks for all`,
    );
  }
  const oldest = await jobs.oldestSequence(jobId);
  if (Number(afterSequence) + 1 < oldest) {
    throw new PrunecastError(
      'EVENTS_COMPACTED',
      `events up to ${oldest - 1} are no longer kept: watch after ${oldest - 1}`,
      { metadata: { oldest_sequence: String(oldest) } },
    );
  }
  return Number(afterSequence);
}
