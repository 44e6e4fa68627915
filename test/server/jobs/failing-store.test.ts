import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import type { JobState, StoredJob } from '../../../src/core/ports/job-store.js';
import { Status } from '../../../src/gen/google/rpc/status.js';
import { toWork } from '../../../src/server/kinds/job-context.js';
import { JobKind, JobProgress } from '../../../src/gen/prunecast/v1/job.js';
import type { EmittedPayload } from '../../../src/server/kinds/job-context.js';
import type { Reserve } from '../../../src/server/adapters/files/reserve.js';
import { openDatabase, type OpenDatabase } from '../../../src/server/adapters/sqlite/open-database.js';
import { createSqliteStore } from '../../../src/server/adapters/sqlite/sqlite-store.js';
import { createSteadyStore } from '../../../src/server/adapters/sqlite/steady-store.js';
import { recordsIn } from '../../support/test-database.js';
import { makeFolder, unpack } from '../../support/test-server.js';
import { DONE, evaluation, gate, type Run } from './scripted-jobs.js';
import { startOwner, type Owner } from './scripted-owner.js';

/** What the disk is said to have free. */
const room = { bytes: 1000, freeBytes: async () => room.bytes };

const BEAT_MS = 10;
/** Room that is never short. */
const ALL_HELD: Reserve = { hold: async () => true, release: async () => false };

let folder = '';
let opened: OpenDatabase;
let owner: Owner;
beforeEach(async () => {
  room.bytes = 1000;
  folder = await makeFolder();
  opened = await openDatabase(folder);
  owner = await startOwner(opened, 'server', async () => DONE, { room, leaseMs: BEAT_MS * 4 });
});
afterEach(async () => {
  await makeRoom();
  await owner.stop();
  await opened.close();
  await rm(folder, { recursive: true, force: true });
});

/** The database may not grow any more, as on a full disk, and no further event of the job fits into what there is. */
async function fillDisk(jobId: string): Promise<void> {
  await sql`PRAGMA max_page_count = 1`.execute(opened.database); // SQLite takes what there is as the least
  let sequence = FIRST_FILLER;
  for (const bytes of [1000, 100, 10, 1]) {
    for (;;) {
      sequence += 1;
      const filler = opened.database
        .insertInto('events')
        .values({ job_id: jobId, sequence, event: new Uint8Array(bytes) })
        .execute();
      if (
        await filler.then(
          () => false,
          () => true,
        )
      )
        break;
    }
  }
}

const FIRST_FILLER = 1_000_000;

async function makeRoom(): Promise<void> {
  await opened.database.deleteFrom('events').where('sequence', '>', FIRST_FILLER).execute();
  await sql`PRAGMA max_page_count = 1000000`.execute(opened.database);
}

/** A job that waits until the disk is full, and then stores events until one is refused. */
const storeUntilFull =
  (full: Promise<void>, seen: { error?: unknown }): Run =>
  async (context) => {
    await full;
    try {
      for (;;) await context.emit(large());
    } catch (error) {
      seen.error = error;
      throw error;
    }
  };
const large = (): EmittedPayload => ({
  $case: 'progress',
  value: JobProgress.fromPartial({ activity: 'x'.repeat(20_000) }),
});

async function start(run: Run, bytes = Uint8Array.of(1)): Promise<string> {
  const request = { bytes, plan: {} };
  return (
    await owner.jobs.start({
      lane: 'model',
      kind: JobKind.EVALUATE,
      requestId: '',
      requestDigest: 'd',
      request,
      run: toWork(run),
    })
  ).jobId;
}

const stateOf = async (jobId: string) => (await owner.jobs.get(jobId)).state;
const unpackError = ({ error }: StoredJob) => error && unpack(Status.decode(error));
const untilState = (jobId: string, state: JobState): Promise<void> =>
  vi.waitFor(async () => expect(await stateOf(jobId)).toBe(state), { timeout: 5000 });

describe('a full disk under the state', () => {
  it('pauses the job that meets it with STORAGE_FULL as soon as that can be stored; the next job runs, and then this one goes on', async () => {
    const full = gate();
    const seen: { error?: unknown } = {};
    const jobId = await start(storeUntilFull(full.opened, seen));
    const next = await start(async () => DONE);
    await fillDisk(jobId);
    full.open();
    await vi.waitFor(() => expect(seen.error).toMatchObject({ reason: 'STORAGE_FULL' }));
    await expect(start(async () => DONE, new Uint8Array(100_000))).rejects.toMatchObject({
      reason: 'STORAGE_FULL',
      code: 'RESOURCE_EXHAUSTED',
    });
    expect([await stateOf(jobId), await stateOf(next)]).toEqual(['running', 'queued']);
    await makeRoom();
    await untilState(jobId, 'paused');
    expect(unpackError(await owner.jobs.get(jobId))).toMatchObject({
      code: 8,
      reason: 'STORAGE_FULL',
      metadata: { folder: 'stateDirectory', free_bytes: '1000' },
    });
    await untilState(next, 'succeeded');
    room.bytes += 2 ** 30;
    await untilState(jobId, 'succeeded');
    expect((await owner.jobs.get(jobId)).error).toBeUndefined();
  });

  it('loses nothing that was paid: it is stored together with the pause', async () => {
    const full = gate();
    let failure: unknown;
    const jobId = await start(async (context) => {
      await full.opened;
      context.keep({
        kind: 'study-step',
        studyId: 'paid',
        trials: [{ number: 1, role: 1, trial: new Uint8Array(100_000) }],
      });
      await context.emit(large()).catch((error: unknown) => {
        failure = error;
        throw error;
      });
      return DONE;
    });
    await fillDisk(jobId);
    full.open();
    await vi.waitFor(() => expect(failure).toMatchObject({ reason: 'STORAGE_FULL' }));
    expect(await opened.database.selectFrom('trials').selectAll().execute()).toEqual([]);
    await makeRoom();
    await untilState(jobId, 'paused');
    expect(await opened.database.selectFrom('trials').select('study_id').execute()).toEqual([{ study_id: 'paid' }]);
  });

  it('informs the caller that cancels, and ends the job as CANCELLED when there is room again', async () => {
    const jobId = await start(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    await fillDisk(jobId);
    await expect(owner.jobs.cancel(jobId)).rejects.toMatchObject({ reason: 'STORAGE_FULL' });
    expect(await stateOf(jobId)).toBe('running');
    await makeRoom();
    await untilState(jobId, 'cancelled');
  });

  it('lets a caller cancel a job whose pause it keeps from being stored: it does not go on', async () => {
    const full = gate();
    const seen: { error?: unknown } = {};
    const jobId = await start(storeUntilFull(full.opened, seen));
    await fillDisk(jobId);
    full.open();
    await vi.waitFor(() => expect(seen.error).toBeDefined());
    await expect(owner.jobs.cancel(jobId)).rejects.toMatchObject({ reason: 'STORAGE_FULL' });
    await makeRoom();
    await untilState(jobId, 'cancelled');
  });

  it('leaves a job to the next server where this one stops before there is room', async () => {
    const full = gate();
    const seen: { error?: unknown } = {};
    const jobId = await start(storeUntilFull(full.opened, seen));
    await fillDisk(jobId);
    full.open();
    await vi.waitFor(() => expect(seen.error).toBeDefined());
    await owner.stop().catch(() => undefined); // it cannot let go of its leases
    await makeRoom();
    owner = await startOwner(opened, 'next', async () => DONE);
    await untilState(jobId, 'succeeded');
  });

  it('does not keep the next server from starting, which goes on with the jobs once there is room', async () => {
    const jobId = await start(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    await owner.stop();
    await fillDisk(jobId);
    owner = await startOwner(opened, 'next', async () => DONE, { leaseMs: BEAT_MS * 4 });
    expect(await stateOf(jobId)).toBe('running');
    await makeRoom();
    await untilState(jobId, 'succeeded');
  });
});

describe('a state that cannot be written', () => {
  it('is STATE_UNAVAILABLE, and no fault of the server', async () => {
    await sql`PRAGMA query_only = ON`.execute(opened.database);
    await expect(start(async () => DONE)).rejects.toMatchObject({ reason: 'STATE_UNAVAILABLE', code: 'UNAVAILABLE' });
    await sql`PRAGMA query_only = OFF`.execute(opened.database);
    const jobId = await start(async () => DONE);
    await vi.waitFor(async () => expect(await stateOf(jobId)).toBe('succeeded'));
  });

  it('is waited for where another process holds it locked, then pauses the job that writes, which goes on and loses nothing', async () => {
    await owner.stop();
    await sql`PRAGMA busy_timeout = 0`.execute(opened.database);
    const store = createSteadyStore(createSqliteStore(opened.database), ALL_HELD, { mostMs: 50, everyMs: 5 });
    owner = await startOwner(
      opened,
      'patient',
      async ({ emit }) => {
        await emit(evaluation(2));
        return DONE;
      },
      { store, room, leaseMs: BEAT_MS * 4 },
    );
    const [first, locked, seen] = [gate(), gate(), { error: undefined as unknown }];
    const jobId = await start(async ({ emit }) => {
      await emit(evaluation(1));
      first.open();
      await locked.opened;
      await emit(evaluation(2)).catch((error: unknown) => {
        seen.error = error;
        throw error;
      });
      return undefined;
    });
    const other = new Database(join(folder, 'prunecast.db'));
    await first.opened;
    await vi.waitFor(() => other.exec('BEGIN EXCLUSIVE'));
    locked.open();
    await vi.waitFor(() => expect(seen.error).toMatchObject({ reason: 'STATE_UNAVAILABLE' }));
    await expect(start(async () => DONE)).rejects.toMatchObject({ reason: 'STATE_UNAVAILABLE', code: 'UNAVAILABLE' });
    expect(await stateOf(jobId)).toBe('running');
    other.exec('COMMIT');
    other.close();
    await untilState(jobId, 'succeeded');
    const events = await recordsIn(opened.database).jobs.eventsAfter(jobId, 0, 100);
    expect(events.map(({ sequence }) => Number(sequence))).toEqual(events.map((_, index) => index + 1));
    expect(
      events.map(({ payload }) => (payload?.$case === 'evaluation' ? payload.value.index : payload?.$case)),
    ).toEqual(['started', 1, 'paused', 'queued', 'started', 2, 'ended']);
  });
});

/** A server on a store whose commits wait after they were asked for, and whose renewals of leases take a while. */
async function startSlow(slow: {
  readonly commit?: () => Promise<void>;
  readonly renewMs?: number;
  renewals: number;
}): Promise<void> {
  await owner.stop();
  const { store } = recordsIn(opened.database);
  owner = await startOwner(opened, 'slow', async () => DONE, {
    leaseMs: BEAT_MS * 4,
    store: {
      ...store,
      commit: async (...commit) => {
        await slow.commit?.();
        return store.commit(...commit);
      },
      leases: {
        ...store.leases,
        renew: async (lease) => {
          slow.renewals += 1;
          if (slow.renewMs !== undefined) await pause(slow.renewMs);
          return store.leases.renew(lease);
        },
      },
    },
  });
}

describe('a store that takes its time', () => {
  it('does not keep a job from ending that is cancelled while its pause is being stored', async () => {
    const [asked, stored] = [gate(), gate()];
    const commit = (): Promise<void> => {
      asked.open();
      return stored.opened;
    };
    await startSlow({ commit, renewals: 0 });
    const jobId = await start(async () => {
      throw new PrunecastError('STATE_UNAVAILABLE', 'locked');
    });
    await asked.opened;
    const cancelled = owner.jobs.cancel(jobId);
    await pause(BEAT_MS);
    stored.open();
    expect(await cancelled).toMatchObject({ state: 'cancelled' });
    const events = await recordsIn(opened.database).jobs.eventsAfter(jobId, 0, 100);
    expect(events.map(({ payload }) => payload?.$case)).toEqual(['started', 'paused', 'ended']);
  });

  it('does not have calls wait for more renewals of leases than the one that is under way', async () => {
    const slow = { renewMs: 5 * BEAT_MS, renewals: 0 };
    await startSlow(slow);
    await pause(20 * BEAT_MS);
    const before = slow.renewals;
    expect(before).toBeGreaterThan(0);
    await start(async () => DONE);
    expect(slow.renewals - before).toBeLessThan(2);
  });
});

it('a job that was cancelled before its server stops ends as CANCELLED, though its run goes on for a while', async () => {
  const began = gate();
  const jobId = await start(() => {
    began.open();
    return new Promise(() => undefined);
  });
  await began.opened;
  const cancelled = owner.jobs.cancel(jobId);
  await pause(1);
  await owner.stop();
  expect(await cancelled).toMatchObject({ state: 'cancelled' });
});
