import { pino } from 'pino';
import type { Clock } from '../../../src/core/ports/clock.js';
import type { DiskRoom } from '../../../src/core/ports/disk-room.js';
import type { Store } from '../../../src/core/ports/store.js';
import { NO_TRACER } from '../../../src/core/ports/tracer.js';
import { JobKind } from '../../../src/gen/prunecast/v1/job.js';
import { createJobQueue } from '../../../src/server/adapters/in-process-queue/job-queue.js';
import { createJobs, type JobRunner } from '../../../src/server/jobs/create-jobs.js';
import { createJobEvents } from '../../../src/server/jobs/events.js';
import { toWork, type JobContext } from '../../../src/server/kinds/job-context.js';
import type { OpenDatabase } from '../../../src/server/adapters/sqlite/open-database.js';
import { EVENT_CODEC } from '../../../src/server/kinds/event-codec.js';
import { createId } from '../../../src/server/records/create-id.js';
import type { Run } from './scripted-jobs.js';
import { recordsIn } from '../../support/test-database.js';

/** A server process as far as it runs jobs, without a process of its own. */
export interface Owner {
  readonly jobs: JobRunner;
  /** The contexts of the runs that it started. */
  readonly runs: readonly JobContext[];
  /** Ends it as SIGTERM does. Without it, the owner is one that died: it never stores anything more. */
  stop(): Promise<void>;
}

/** In place of a store in the database, a clock that stands still, and a disk of unknown room. */
export interface OwnerParts {
  readonly store?: Store;
  readonly clock?: Clock;
  readonly room?: DiskRoom;
  /** It looks for jobs to take up four times as often. */
  readonly leaseMs?: number;
}

/** One server process after the other on one store; each finds all before it gone. */
export async function startOwner(
  { database }: Pick<OpenDatabase, 'database'>,
  name: string,
  run: Run,
  { clock = { now: () => 1_000_000 }, ...given }: OwnerParts = {},
): Promise<Owner> {
  const stopping = new AbortController();
  const { store = recordsIn(database).store, leaseMs = 1_000_000, room = { freeBytes: async () => undefined } } = given;
  const runs: JobContext[] = [];
  const log = pino({ level: 'silent' });
  const jobs = createJobs({
    store,
    tracer: NO_TRACER,
    codec: EVENT_CODEC,
    createId,
    discard: async () => undefined,
    owner: { name, isGone: (other) => other !== name },
    leaseMs,
    events: createJobEvents({
      store,
      codec: EVENT_CODEC,
      clock,
      stopping: stopping.signal,
      heartbeatMs: 10_000,
      keptEvents: 1000,
    }),
    clock,
    log,
    kinds: [
      {
        kind: JobKind.EVALUATE,
        laneOf: () => 'model',
        restart: () =>
          toWork((context) => {
            runs.push(context);
            return run(context);
          }),
        resume: async () => [],
      },
    ],
    interruptedJobs: 'resume',
    stopping: stopping.signal,
    nameKind: String,
    queue: createJobQueue({
      concurrentJobs: 1,
      maxQueuedJobs: 10,
      maxQueuedJobsPerKind: 10,
      maxQueuedJobsPerCaller: 10,
      maxQueuedBytes: 1_000_000,
    }),
    drainMs: 0,
    cancelGraceMs: 10,
    storeRetryMs: 10,
    mostWaitMs: 600_000,
    room,
  });
  await jobs.recover();
  await jobs.begin();
  return {
    jobs,
    runs,
    stop: async () => {
      stopping.abort(new Error('SIGTERM'));
      await jobs.settled();
    },
  };
}
