import { setTimeout as pause } from 'node:timers/promises';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { EventRecord } from '../../../core/ports/job-store.js';
import type { Store, StoreRecord } from '../../../core/ports/store.js';
import type { Reserve } from '../files/reserve.js';
import { describeFull } from './guarded-database.js';

/** How long a write waits for another process that holds the database locked. */
export interface LockWait {
  readonly mostMs: number;
  readonly everyMs: number;
}

/** Reads and calls are answered between two attempts. */
export const LOCK_WAIT: LockWait = { mostMs: 5000, everyMs: 50 };

/** That of another process. All writes wait for it together: one after the other, the last would wait for minutes. */
interface Lock {
  readonly sinceMs: number;
  /** When a write last met it. */
  readonly metMs: number;
}

type Write = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * The same store, whose writes wait a while for a database that another process holds locked. On a full disk, states of
 * jobs that wait or have ended, and removals, are stored in room that is kept for them; while that room is not there
 * again, all else is refused as STORAGE_FULL, so that nothing else takes it.
 */
export function createSteadyStore(store: Store, reserve: Reserve, wait: LockWait = LOCK_WAIT): Store {
  let lock: Lock | undefined;
  const patiently: Write = async (work) => {
    for (;;) {
      try {
        const result = await work();
        lock = undefined;
        return result;
      } catch (error) {
        if (!isLocked(error)) throw error;
        const nowMs = performance.now();
        // One that was met so long ago was another one.
        const known = lock !== undefined && nowMs - lock.metMs <= wait.mostMs ? lock : { sinceMs: nowMs };
        lock = { sinceMs: known.sinceMs, metMs: nowMs };
        if (nowMs - lock.sinceMs >= wait.mostMs) throw error;
        await pause(wait.everyMs);
      }
    }
  };
  const inAnyCase: Write = async (work) => {
    try {
      return await patiently(work);
    } catch (error) {
      if (isFull(error) && (await reserve.release())) return patiently(work);
      throw error;
    }
  };
  const ifRoom: Write = async (work) => {
    if (!(await reserve.hold())) throw describeFull();
    return patiently(work);
  };
  const byChange = (records: readonly (EventRecord | StoreRecord)[]): Write =>
    records.some((record) => record.kind === 'event' && STANDING.has(record.change.to)) ? inAnyCase : ifRoom;

  const { jobs, leases, studies, predictors, pairSets } = store;
  return {
    ...store,
    jobs: {
      ...jobs,
      create: (...job) => ifRoom(() => jobs.create(...job)),
      append: (events, timeMs) => byChange(events)(() => jobs.append(events, timeMs)),
      compact: (...events) => inAnyCase(() => jobs.compact(...events)),
      remove: (jobId) => inAnyCase(() => jobs.remove(jobId)),
    },
    leases: {
      take: (...lease) => inAnyCase(() => leases.take(...lease)),
      renew: (lease) => ifRoom(() => leases.renew(lease)),
      release: (...lease) => inAnyCase(() => leases.release(...lease)),
    },
    studies: { ...studies, remove: (studyId) => inAnyCase(() => studies.remove(studyId)) },
    predictors: { ...predictors, remove: (predictorId) => inAnyCase(() => predictors.remove(predictorId)) },
    pairSets: {
      ...pairSets,
      remove: (studyId) => inAnyCase(() => pairSets.remove(studyId)),
      sweep: () => inAnyCase(() => pairSets.sweep()),
    },
    commit: (job, records, timeMs) => byChange(records)(() => store.commit(job, records, timeMs)),
    keep: (records) => ifRoom(() => store.keep(records)),
  };
}

/** A job does not work in these. */
const STANDING: ReadonlySet<EventRecord['change']['to']> = new Set(['paused', 'failed', 'cancelled', 'succeeded']);

function isFull(error: unknown): boolean {
  return error instanceof PrunecastError && error.reason === 'STORAGE_FULL';
}

function isLocked(error: unknown): boolean {
  return (
    error instanceof PrunecastError &&
    error.reason === 'STATE_UNAVAILABLE' &&
    /^SQLITE_(?:BUSY|LOCKED)/.test(error.metadata['code'] ?? '')
  );
}
