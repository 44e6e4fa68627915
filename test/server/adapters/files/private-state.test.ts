import { chmod, chown, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepStatePrivate } from '../../../../src/server/adapters/files/private-state.js';
import { isLocal } from '../../../../src/server/config/is-local.js';
import { makeFolder, startTestServer } from '../../../support/test-server.js';
import { DEMO, MAGNITUDE, referenceWindows, startVerbServer } from '../../verbs/verb-server.js';

let folder = '';
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What lies in the state folder and others may open, itself included; sockets too. */
async function listOpen(): Promise<string[]> {
  const state = join(folder, 'state');
  const paths = [state, ...(await readdir(state, { recursive: true })).map((name) => join(state, name))];
  const modes = await Promise.all(paths.map(async (path) => [path, (await lstat(path)).mode & 0o777] as const));
  return modes.filter(([, mode]) => (mode & 0o077) !== 0).map(([path, mode]) => `${path} ${mode.toString(8)}`);
}

/** Starts a server that logs, and stops it; the warnings of its start. */
async function startAndWarn(
  listen: readonly string[] = [`unix:${join(folder, 'server.sock')}`],
): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const log = pino(
    { level: 'warn' },
    new Writable({ write: (chunk, _, done) => done(void lines.push(String(chunk))) }),
  );
  const server = await startTestServer({ folder, log, config: { listen: [...listen], insecure: true } });
  await server.stop();
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the state folder', () => {
  it.runIf(process.getuid?.() === 0)('with a database of another user says to change its owner', async () => {
    const state = join(folder, 'state');
    await keepStatePrivate(state);
    const SOMEBODY = 65_534;
    await Promise.all([chmod(folder, 0o755), chown(state, SOMEBODY, SOMEBODY)]);
    process.seteuid?.(SOMEBODY);
    try {
      await expect(keepStatePrivate(state)).rejects.toThrow(/prunecast\.db cannot be written.*`chown`.*--state-dir/);
    } finally {
      process.seteuid?.(0);
    }
  });

  it("is its user's alone, the database, what SQLite keeps beside it and caches too", async () => {
    await using server = await startVerbServer({ folder });
    const text = referenceWindows(0, 32);
    await server.client.runEvaluate({
      model: DEMO,
      recipe: { ...MAGNITUDE, criterion: { id: 'wanda' }, calibration: { text, sequences: 4 } },
      measurement: { text: referenceWindows(0, 1) },
      targets: [{ target: { $case: 'uniformRate', value: 0.25 } }],
    });
    expect(await readdir(join(folder, 'state'))).toEqual(
      expect.arrayContaining(['prunecast.db', 'prunecast.db-wal', 'prunecast.db-shm', 'scores']),
    );
    expect(await readdir(join(folder, 'state/scores'))).not.toEqual([]);
    expect(await listOpen()).toEqual([]);
  });

  it('becomes so at the next start, where an earlier version left it open', async () => {
    await startAndWarn();
    const state = join(folder, 'state');
    await mkdir(join(state, 'scores'), { recursive: true });
    await writeFile(join(state, 'scores', 'one'), '1');
    for (const name of ['scores/one', 'prunecast.db', 'server.lock']) await chmod(join(state, name), 0o644);
    for (const name of ['', 'scores']) await chmod(join(state, name), 0o755);
    expect((await listOpen()).length).toBe(5);
    expect(await startAndWarn()).toEqual([]);
    expect(await listOpen()).toEqual([]);
  });

  it("is left as it is where it holds other things too, with a warning; what is the server's in it is private", async () => {
    const state = join(folder, 'state');
    await mkdir(state, { mode: 0o755 });
    await writeFile(join(state, 'notes.txt'), 'text', { mode: 0o644 });
    expect(await startAndWarn()).toEqual([
      expect.objectContaining({
        paths: [state],
        msg: expect.stringContaining('a state folder that its user owns') as string,
      }),
    ]);
    expect(await listOpen()).toEqual([`${state} 755`, `${join(state, 'notes.txt')} 644`]);
  });
});

describe('an address that other machines reach', () => {
  it('is warned of at every start that `insecure` allows, and one that they do not reach is not', async () => {
    expect(await startAndWarn(['127.0.0.1:0'])).toEqual([]);
    for (let start = 0; start < 2; start += 1) {
      expect(await startAndWarn(['127.0.0.1:0', '0.0.0.0:0'])).toEqual([
        expect.objectContaining({
          address: '0.0.0.0:0',
          msg: expect.stringMatching(/no encryption.*tlsCertificate.*no authentication/) as string,
        }),
      ]);
    }
  });

  it.each([
    ['unix:/run/prunecast.sock', true],
    ['127.0.0.1:50051', true],
    ['127.8.9.1:1', true],
    ['localhost:1', true],
    ['[::1]:1', true],
    ['::1:1', true],
    ['[::ffff:127.0.0.1]:1', true],
    ['0.0.0.0:50051', false],
    ['[::]:1', false],
    [':::1', false],
    ['10.0.0.1:1', false],
    ['example.org:1', false],
    ['127.0.0.1.example.org:1', false],
    ['1127.0.0.1:1', false],
  ])('%s is local: %s', (address, local) => {
    expect(isLocal(address)).toBe(local);
  });
});
