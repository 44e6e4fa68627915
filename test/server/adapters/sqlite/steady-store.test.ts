import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { EventRecord } from '../../../../src/core/ports/job-store.js';
import type { Store } from '../../../../src/core/ports/store.js';
import { createReserve } from '../../../../src/server/adapters/files/reserve.js';
import { openDatabase, type OpenDatabase } from '../../../../src/server/adapters/sqlite/open-database.js';
import { createSqliteStore } from '../../../../src/server/adapters/sqlite/sqlite-store.js';
import { createSteadyStore } from '../../../../src/server/adapters/sqlite/steady-store.js';
import { newJob } from '../../../support/job-records.js';
import { CAN_MOUNT, makeSmallDisk } from '../../../support/small-disk.js';
import { makeFolder } from '../../../support/test-server.js';

const MOST_WAIT_MS = 400;
const LEASE = { owner: 'a', untilMs: 1000 };
const event = (change: EventRecord['change'], bytes = 1): EventRecord => ({
  kind: 'event',
  payload: new Uint8Array(bytes),
  change,
});
const WORKED = event({ to: 'worked' });

let opened: OpenDatabase;
let remove: () => Promise<void> | void = () => undefined;
afterEach(async () => {
  await opened.close();
  await remove();
});

/** A store as a server has it, in a folder. */
async function openStore(folder: string): Promise<Store> {
  opened = await openDatabase(folder, { lockWaitMs: 0 });
  return createSteadyStore(createSqliteStore(opened.database), createReserve(folder), {
    mostMs: MOST_WAIT_MS,
    everyMs: 10,
  });
}

/** Has another process lock the database; the answer has it let go. */
async function lockElsewhere(folder: string): Promise<() => Promise<void>> {
  const script = `
    const database = new (require(process.argv[1]))(process.argv[2]);
    database.exec('BEGIN EXCLUSIVE');
    process.stdin.once('end', () => database.exec('COMMIT')).resume();
    console.log('locked');`;
  const libsql = createRequire(import.meta.url).resolve('libsql');
  const child = spawn(process.execPath, ['-e', script, libsql, join(folder, 'prunecast.db')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.end();
    await once(child, 'exit');
  };
}

it('a database that another process holds locked is waited for while others read; it and those after it are refused then, none waits anew, and the next one is stored', async () => {
  const folder = await makeFolder();
  remove = () => rm(folder, { recursive: true, force: true });
  const store = await openStore(folder);
  const held = await store.jobs.create(newJob('job-1'), event({ to: 'running' }), LEASE);
  const letGo = await lockElsewhere(folder);
  const outcome: { error?: unknown } = {};
  const refused = store.commit(held, [WORKED], 1).catch((error: unknown) => {
    outcome.error = error;
  });
  let reads = 0;
  for (; outcome.error === undefined; reads++) {
    expect(await store.jobs.get('job-1')).toMatchObject({ lastSequence: 1 });
    await pause(10);
  }
  await refused;
  expect(reads).toBeGreaterThan(2);
  const locked = { reason: 'STATE_UNAVAILABLE', code: 'UNAVAILABLE', metadata: { code: 'SQLITE_BUSY' } };
  expect(outcome.error).toMatchObject(locked);
  const sinceMs = performance.now();
  for (const _ of 'abcde') await expect(store.leases.renew(LEASE)).rejects.toMatchObject(locked);
  expect(performance.now() - sinceMs).toBeLessThan(MOST_WAIT_MS);
  await letGo();
  expect(await store.commit(held, [WORKED, WORKED], 2)).toBe(3);
  const letGoAgain = await lockElsewhere(folder);
  const waiting = store.commit(held, [WORKED], 3);
  await letGoAgain();
  expect(await waiting).toBe(4);
  expect((await store.jobs.eventsAfter('job-1', 0, 10)).map(({ timeMs }) => timeMs)).toEqual([0, 2, 2, 3]);
});

describe.skipIf(!CAN_MOUNT)('on a full disk', () => {
  it('a job that pauses or ends is stored, and jobs can be deleted; all else is refused until there is room', async () => {
    const disk = makeSmallDisk('6m');
    remove = () => disk.remove();
    const store = await openStore(disk.folder);
    const [held, other] = [
      await store.jobs.create(newJob('job-1'), event({ to: 'running' }), LEASE),
      await store.jobs.create(newJob('job-2'), event({ to: 'running' }), LEASE),
    ];
    const filler = join(disk.folder, 'filler');
    for (const bytes of [65_536, 4096])
      while (
        await writeFile(filler, Buffer.alloc(bytes), { flag: 'a' }).then(
          () => true,
          () => false,
        )
      );

    const full = { reason: 'STORAGE_FULL', code: 'RESOURCE_EXHAUSTED', metadata: { folder: 'stateDirectory' } };
    await expect(store.commit(held, [event({ to: 'worked' }, 100_000)], 1)).rejects.toMatchObject(full);
    expect(await store.commit(held, [event({ to: 'paused', error: Uint8Array.of(7) })], 2)).toBe(2);
    // There is room left of what was kept, for more of the same alone.
    await expect(store.commit(other, [WORKED], 3)).rejects.toMatchObject(full);
    await expect(store.jobs.create(newJob('job-3'), event({ to: 'running' }), LEASE)).rejects.toMatchObject(full);
    await expect(store.jobs.append([{ ...other, ...WORKED }], 3)).rejects.toMatchObject(full);
    expect(await store.jobs.append([{ ...other, ...event({ to: 'cancelled', error: undefined }) }], 3)).toHaveLength(1);
    await store.jobs.remove('job-2');
    expect(await store.jobs.get('job-1')).toMatchObject({ state: 'paused', error: Uint8Array.of(7) });

    await rm(filler);
    expect(await store.commit(held, [WORKED], 4)).toBe(3);
    expect((await stat(join(disk.folder, 'reserve'))).size).toBe(2 ** 20);
  });
});
