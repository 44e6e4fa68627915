import { cp, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../../src/server/adapters/sqlite/open-database.js';
import { recordsIn, useDatabase } from '../../../support/test-database.js';
import { newJob } from '../../../support/job-records.js';
import { CAN_MOUNT, makeSmallDisk } from '../../../support/small-disk.js';

const state = useDatabase();

/** A state folder with 200 jobs whose log is in the database, as a server leaves it that was stopped. */
async function makeState(): Promise<string> {
  for (let job = 1; job <= 200; job++)
    await recordsIn(state.database).jobs.create(
      newJob(`job-${job}`, { requestDigest: 'd'.repeat(64) }),
      { $case: 'started', value: {} },
      { owner: 'a', untilMs: 1 },
    );
  await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(state.database);
  const copy = join(state.folder, 'copy');
  await mkdir(copy);
  await cp(join(state.folder, 'prunecast.db'), join(copy, 'prunecast.db'));
  return copy;
}

/** The bytes of a database and of its log. */
async function readAll(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => /^prunecast\.db(-wal)?$/.test(name));
  const entries = await Promise.all(
    names.map(async (name) => [name, (await readFile(join(folder, name))).toString('base64')] as const),
  );
  // An empty log says nothing.
  return Object.fromEntries(entries.filter(([name, bytes]) => name === 'prunecast.db' || bytes !== ''));
}

/** What a database is refused with. It must be the same each time, and leave all bytes as they were. */
async function refuse(folder: string): Promise<string> {
  const before = await readAll(folder);
  const attempts = [];
  // A second time, since the first one must not leave the lock behind.
  for (let attempt = 0; attempt < 2; attempt++)
    attempts.push(
      await openDatabase(folder).then(
        () => 'opened',
        (error: Error) => error.message,
      ),
    );
  expect(await readAll(folder)).toEqual(before);
  expect(attempts[1]).toBe(attempts[0]);
  return attempts[0] ?? '';
}

function change(folder: string, ...statements: readonly string[]): void {
  const database = new Database(join(folder, 'prunecast.db'));
  for (const statement of statements) database.exec(statement);
  database.close();
}

describe('a database that is refused is never written to:', () => {
  const damaged = /prunecast\.db\) is damaged, and nothing more is written to it: restore/;

  it('one that was cut off', async () => {
    const folder = await makeState();
    await truncate(join(folder, 'prunecast.db'), 3 * 4096 + 100);
    expect(await refuse(folder)).toMatch(damaged);
  });

  it('one with flipped bytes in a page', async () => {
    const folder = await makeState();
    const path = join(folder, 'prunecast.db');
    const bytes = await readFile(path);
    for (let at = bytes.length - 4 * 4096; at < bytes.length; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await writeFile(path, bytes);
    expect(await refuse(folder)).toMatch(damaged);
  });

  it('one whose first bytes are those of something else', async () => {
    const folder = await makeState();
    const path = join(folder, 'prunecast.db');
    const bytes = await readFile(path);
    bytes.fill(0x20, 0, 100);
    await writeFile(path, bytes);
    expect(await refuse(folder)).toMatch(damaged);
  });

  it('one of a later version', async () => {
    const folder = await makeState();
    change(folder, 'UPDATE schema_version SET version = 999');
    expect(await refuse(folder)).toMatch(
      /newer server \(schema 999.*left as it is: use that version, or another state folder/,
    );
  });

  it('one of a later version whose server was killed, with what is only in its log', async () => {
    const folder = await makeState();
    const database = new Database(join(folder, 'prunecast.db'));
    database.exec('UPDATE schema_version SET version = 999');
    const killed = join(state.folder, 'killed');
    await cp(folder, killed, { recursive: true, filter: (path) => !path.endsWith('-shm') });
    database.close();
    expect(await refuse(killed)).toMatch(/newer server \(schema 999/);
  });

  it('one of another program', async () => {
    const folder = join(state.folder, 'other');
    await mkdir(folder);
    change(folder, 'CREATE TABLE jobs (a)', 'INSERT INTO jobs VALUES (1)');
    expect(await refuse(folder)).toMatch(/a database of another program: name another state folder/);
  });
});

describe('a state folder', () => {
  it('with a folder in place of its database is refused with what to do', async () => {
    const folder = join(state.folder, 'other');
    await mkdir(join(folder, 'prunecast.db'), { recursive: true });
    await expect(openDatabase(folder)).rejects.toThrow(/prunecast\.db.*(?:is no file|cannot be written)/);
    expect(await readdir(join(folder, 'prunecast.db'))).toEqual([]);
  });

  it('whose log was lost opens with what the database itself has, whole', async () => {
    const folder = await makeState();
    const database = new Database(join(folder, 'prunecast.db'));
    database.exec("DELETE FROM jobs WHERE id <> 'job-1'"); // in the log alone
    const lost = join(state.folder, 'lost');
    await mkdir(lost);
    await cp(join(folder, 'prunecast.db'), join(lost, 'prunecast.db'));
    database.close();
    const opened = await openDatabase(lost);
    expect(await recordsIn(opened.database).jobs.unfinished()).toHaveLength(200);
    await opened.close();
  });

  it.skipIf(!CAN_MOUNT)('on a file system that cannot be written is refused with what to do', async () => {
    const disk = makeSmallDisk('4m');
    try {
      const folder = await makeState();
      await cp(folder, disk.folder, { recursive: true });
      disk.remount('ro');
      expect(await refuse(disk.folder)).toMatch(/file system is read-only.*name a folder that you may write/);
      disk.remount('rw');
      await (await openDatabase(disk.folder)).close();
    } finally {
      disk.remove();
    }
  });
});

it('a database that is found damaged while it is used is not written to any more, and says so each time', async () => {
  const folder = await makeState();
  const opened = await openDatabase(folder);
  const path = join(folder, 'prunecast.db');
  // Pages that are not in the cache of the connection: those of the jobs in the middle.
  const bytes = await readFile(path);
  bytes.fill(0xa5, 4096 * 14);
  await writeFile(path, bytes);
  const reads = Array.from({ length: 200 }, (_, index) =>
    recordsIn(opened.database).store.jobs.get(`job-${index + 1}`),
  );
  expect((await Promise.allSettled(reads)).map(({ status }) => status)).toContain('rejected');
  const create = () =>
    recordsIn(opened.database).jobs.create(newJob('late'), { $case: 'started', value: {} }, { owner: 'a', untilMs: 1 });
  await expect(create()).rejects.toMatchObject({ reason: 'STATE_DAMAGED' });
  await expect(create()).rejects.toMatchObject({ reason: 'STATE_DAMAGED' });
  expect((await readFile(path)).equals(bytes)).toBe(true);
  await opened.close();
});
