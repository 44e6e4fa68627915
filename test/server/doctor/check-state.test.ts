import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/server/adapters/sqlite/open-database.js';
import { checkDatabase } from '../../../src/server/doctor/check-database.js';
import { checkFolder } from '../../../src/server/doctor/check-folder.js';
import { checkServer } from '../../../src/server/doctor/check-server.js';
import { checkState } from '../../../src/server/doctor/check-state.js';
import { VERSION } from '../../../src/server/config/version.js';
import { openAttendance } from '../../../src/state-folder/attendance.js';
import { findSockets } from '../../../src/state-folder/socket-paths.js';

let folder = '';
let state = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-check-state-'));
  state = join(folder, 'state');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A state folder as a server leaves it. */
async function makeState(): Promise<void> {
  await (await openDatabase(state)).close();
}

function change(sql: string): void {
  const database = new Database(join(state, 'prunecast.db'));
  database.exec(sql);
  database.close();
}

/** Every file with its bytes and when it was changed. */
function snapshot() {
  return readdirSync(state).map((name) => {
    const path = join(state, name);
    return [name, statSync(path).mtimeMs, readFileSync(path, 'base64')];
  });
}

describe('the database of a state folder', () => {
  it('is none before the first server, and then readable, with its jobs', async () => {
    expect(await checkDatabase(state)).toMatchObject({
      state: 'ok',
      finding: expect.stringContaining('none yet') as string,
    });
    await makeState();
    expect(await checkDatabase(state)).toMatchObject({
      state: 'ok',
      finding: expect.stringMatching(/readable, schema \d+, 0 jobs, \d+ KiB/) as string,
    });
  });

  it('that a killed server has left is read with what is in its log, and nothing of it is changed', async () => {
    await makeState();
    const writer = new Database(join(state, 'prunecast.db'));
    writer.exec(
      "INSERT INTO jobs (id, kind, state, request_digest, study_id, created_ms, last_sequence, queue_place) VALUES ('job-1', 1, 1, '', '', 0, 0, 0)",
    );
    // What a kill leaves: the files as they are while it is open.
    const killed = join(folder, 'killed');
    mkdirSync(killed);
    for (const name of ['prunecast.db', 'prunecast.db-wal'])
      writeFileSync(join(killed, name), readFileSync(join(state, name)));
    writer.close();
    state = killed;
    const before = snapshot();
    expect(await checkDatabase(state)).toMatchObject({
      state: 'ok',
      finding: expect.stringContaining('1 job,') as string,
    });
    expect(snapshot()).toEqual(before);
  });

  it('of a later version names both schemas and says what to do', async () => {
    await makeState();
    change('UPDATE schema_version SET version = 99');
    expect(await checkDatabase(state)).toMatchObject({
      state: 'fail',
      finding: expect.stringMatching(/later version of Prunecast \(schema 99; this one knows \d+\)/) as string,
      advice: expect.stringContaining('--state-dir') as string,
    });
  });

  it('of an earlier version is well, and will be brought up', async () => {
    await makeState();
    change('UPDATE schema_version SET version = 1');
    expect(await checkDatabase(state)).toMatchObject({
      state: 'ok',
      finding: expect.stringContaining('brings schema 1 to') as string,
    });
  });

  it('that is damaged is told, whether it is no database at all or lost a page', async () => {
    await makeState();
    change('PRAGMA wal_checkpoint(TRUNCATE)');
    const path = join(state, 'prunecast.db');
    const bytes = readFileSync(path);
    const torn = Buffer.from(bytes).fill(7, 4096 * 2, 4096 * 5);
    for (const damaged of [torn, Buffer.alloc(8192, 'no database ')]) {
      writeFileSync(path, damaged);
      expect(await checkDatabase(state)).toMatchObject({
        state: 'fail',
        finding: expect.stringContaining('is damaged') as string,
        advice: expect.stringContaining('copy of the whole state folder') as string,
      });
    }
  });
});

describe('the server of a state folder', () => {
  it('is none without one', async () => {
    expect(await checkServer(state)).toMatchObject({
      state: 'ok',
      finding: expect.stringMatching(/^none has/) as string,
    });
  });

  it.runIf(process.platform === 'linux')('that holds the lock and does not greet is told by its process', async () => {
    const { close } = await openDatabase(state);
    expect(await checkServer(state)).toMatchObject({
      state: 'warn',
      finding: expect.stringContaining(`process ${process.pid} holds the lock`) as string,
    });
    await close();
    expect(await checkServer(state)).toMatchObject({ state: 'ok' });
  });

  it('that greets is asked who it is, and whether calls reach it', async () => {
    mkdirSync(state, { mode: 0o700 });
    const { attendance: path, calls } = findSockets(state);
    const greeting = { version: VERSION, processId: 7, kind: 'serve', plugins: [] } as const;
    const mute = await openAttendance(path, { ...greeting, address: `unix:${calls}` });
    expect(await checkServer(state)).toMatchObject({
      state: 'fail',
      finding: expect.stringContaining(`nothing answers at ${calls}`) as string,
    });
    mute.close();
    const well = await openAttendance(path, { ...greeting, address: `unix:${path}` });
    expect(await checkServer(state)).toMatchObject({
      state: 'ok',
      finding: `\`prunecast serve\` has the state folder: process 7, version ${VERSION}, answers`,
    });
    well.close();
    const other = await openAttendance(path, { ...greeting, version: '0.0.1', address: `unix:${path}` });
    expect(await checkServer(state)).toMatchObject({
      state: 'fail',
      advice: expect.stringContaining('stop it') as string,
    });
    other.close();
  });
});

describe('a state folder', () => {
  it('that is a file, or lies under one, is told to be a file', async () => {
    writeFileSync(state, '');
    expect(await checkFolder('state', state, 'X')).toMatchObject({
      state: 'fail',
      finding: `${state} is a file`,
      advice: 'move that file, or name a folder with X',
    });
    expect(await checkState(join(state, 'below'))).toMatchObject({
      state: 'fail',
      finding: `${join(state, 'below')} cannot be made: ${state} is a file`,
    });
  });

  /** Root may write everywhere: become somebody else for a while. */
  const isRoot = process.getuid?.() === 0;
  const SOMEBODY = 65_534;

  it.runIf(isRoot)('that may not be written says how to give the right, or to take another', async () => {
    await makeState();
    chmodSync(folder, 0o755);
    chmodSync(state, 0o555);
    await asSomebody(async () => {
      expect(await checkState(state)).toMatchObject({
        state: 'fail',
        finding: expect.stringContaining('your user may not write there') as string,
        advice: expect.stringMatching(/chmod u\+rwx.*--state-dir/) as string,
      });
      expect(await checkDatabase(state)).toMatchObject({
        state: 'fail',
        finding: expect.stringContaining('cannot be read') as string,
      });
    });
  });

  it.runIf(isRoot)('with files of another user in it says to change their owner', async () => {
    await makeState();
    chmodSync(folder, 0o755);
    chownSync(state, SOMEBODY, SOMEBODY);
    await asSomebody(async () => {
      expect(await checkState(state)).toMatchObject({
        state: 'fail',
        advice: expect.stringContaining('chown') as string,
      });
    });
  });

  async function asSomebody(use: () => Promise<void>): Promise<void> {
    process.seteuid?.(SOMEBODY);
    try {
      await use();
    } finally {
      process.seteuid?.(0);
    }
  }
});
