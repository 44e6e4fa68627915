import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attend, type Visit } from '../../src/state-folder/attend.js';
import { openAttendance } from '../../src/state-folder/attendance.js';
import { findSockets } from '../../src/state-folder/socket-paths.js';
import { DEMO_DIRECTORY } from '../support/demo-model.js';
import { makeSelfSigned } from '../support/self-signed.js';
import { readJsonLines, runCli, startCli, type CliResult, type RunningCli } from './run-cli.js';

/** Two folders of one user; the first has a model that the second names by its path. */
let folder = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'prunecast-shared-')));
  for (const name of ['here', 'there']) mkdirSync(join(folder, name));
  cpSync(DEMO_DIRECTORY, join(folder, 'here/tiny'), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TIMEOUT = { timeout: 240_000 };

/** A state folder of a test's own, which no flag names. */
function makeState(name: string) {
  const stateDirectory = join(folder, name);
  const environment = { PRUNECAST_STATE_DIRECTORY: stateDirectory };
  return {
    stateDirectory,
    run: (where: string, ...args: readonly string[]) => runCli(args, { cwd: join(folder, where), environment }),
    start: (where: string, ...args: readonly string[]) => startCli(args, { cwd: join(folder, where), environment }),
    attend: async (): Promise<Visit> => {
      const visit = await attend(findSockets(stateDirectory).attendance);
      if (visit === undefined) throw new Error('no server greets');
      return visit;
    },
  };
}

const EVALUATE = ['evaluate', '--tokens', '1024', '--bos', '--dense', '--json'];
/** Enough to be still at it while other commands come and go: it is cancelled, or killed. */
const LONG_SEARCH = `search --model tiny --text tiny/stories.json --remove 20% --protect none --criterion magnitude
  --compensation none --pairs 2000 --pair-tokens 65536 --controls uniform-paper`.split(/\s+/);

const listJobs = ({ stdout }: CliResult) =>
  readJsonLines(stdout) as readonly { readonly id: string; readonly kind: string; readonly state: string }[];
const tokensRun = ({ stdout }: CliResult) =>
  (readJsonLines(stdout) as readonly { readonly evaluation?: { readonly tokensSpent?: string } }[]).find(
    ({ evaluation }) => evaluation !== undefined,
  )?.evaluation?.tokensSpent ?? '0';
/** A server tells its address once it can be found. */
const isReady = ({ child }: RunningCli) => once(child.stdout ?? child, 'data');
const isRunning = (watching: RunningCli) => watching.says(': running');

describe('the state folder of a user', () => {
  it('has one server for all commands, which ends with the last of them', TIMEOUT, async () => {
    const { run, start, attend: visit } = makeState('commands');
    const search = start('here', ...LONG_SEARCH);
    await isRunning(search);
    const server = await visit();

    const [job] = listJobs(await run('there', 'jobs', 'list', '--json'));
    expect(job).toMatchObject({ kind: 'JOB_KIND_SEARCH', state: 'JOB_STATE_RUNNING' });
    const watcher = start('there', 'jobs', 'watch', job?.id ?? '');
    await isRunning(watcher);

    // The search belongs to the first terminal no more than to the second: it goes on while one of them is there.
    search.child.kill('SIGKILL');
    await search.result;
    await server.leave();
    expect(server.ended.aborted).toBe(false);
    expect(listJobs(await run('there', 'jobs', 'list', '--json'))).toMatchObject([{ state: 'JOB_STATE_RUNNING' }]);

    const last = await visit();
    watcher.child.kill('SIGKILL');
    await watcher.result;
    await last.leave();
    expect(await attend(findSockets(join(folder, 'commands')).attendance)).toBeUndefined();

    // What was left is found again by its id alone, from another folder, over the next server.
    expect(listJobs(await run('there', 'jobs', 'list', '--json'))).toMatchObject([{ state: 'JOB_STATE_PAUSED' }]);
    const resumed = start('there', 'jobs', 'resume', job?.id ?? '');
    const findState = async () => listJobs(await run('there', 'jobs', 'list', '--json'))[0]?.state;
    await expect.poll(findState, { timeout: 200_000 }).toBe('JOB_STATE_RUNNING');
    expect(await run('here', 'jobs', 'cancel', job?.id ?? '')).toMatchObject({ code: 0 });
    expect(await resumed.result).toMatchObject({ code: 1, stderr: expect.stringContaining('CANCELLED') as string });
    for (const name of ['here', 'there']) expect(readdirSync(join(folder, name))).not.toContain('.prunecast');
  });

  it('has labels that commands and `serve` share, though they name a model by other roots', TIMEOUT, async () => {
    const { run, start, attend: visit } = makeState('labels');
    const local = await run('here', ...EVALUATE, '--model', 'tiny', '--text', 'tiny/stories.json');
    expect(tokensRun(local)).toBe('1024');

    const address = `unix:${join(folder, 'api.sock')}`;
    const roots = ['--model-root', join(folder, 'here'), '--data-root', join(folder, 'here/tiny')];
    const serve = start('there', 'serve', '--listen', address, ...roots, '--output-root', 'out');
    await isReady(serve);
    const called = ['--address', address, '--model', 'tiny', '--text', 'stories.json'];
    expect(tokensRun(await run('there', ...EVALUATE, ...called))).toBe('0');

    // Without an address a command finds it, and names what it means by its path.
    const found = await run('here', ...EVALUATE, '--model', 'tiny', '--text', 'tiny/stories.json');
    expect([found.code, tokensRun(found)]).toEqual([0, '0']);
    writeFileSync(join(folder, 'there/other.txt'), 'Once upon a time. '.repeat(400));
    const outside = await run('there', ...EVALUATE, '--model', '../here/tiny', '--text', 'other.txt');
    const server = await visit();
    expect(outside).toMatchObject({ code: 1, stdout: '' });
    expect(outside.stderr).toContain('PATH_OUTSIDE_ROOTS');
    expect(outside.stderr).toContain(`\`prunecast serve\` (process ${server.greeting.processId})`);
    expect(outside.stderr).toContain(`texts under ${join(folder, 'here/tiny')}`);
    await server.leave();
    // It stays when commands go.
    expect((await run('there', 'jobs', 'list', '--json')).code).toBe(0);
    serve.child.kill('SIGTERM');
    expect(await serve.result).toMatchObject({ code: 0 });
  });

  it('outlives a `serve`: a command at it tells in seconds how its job goes on without', TIMEOUT, async () => {
    const { run, start } = makeState('stopped');
    const serve = start('here', 'serve', '--listen', '127.0.0.1:0', '--model-root', '.', '--data-root', '.');
    await isReady(serve);
    const search = start('here', ...LONG_SEARCH);
    await isRunning(search);
    serve.child.kill('SIGTERM');
    const stoppedAt = performance.now();
    const { code, stderr } = await search.result;
    // It would try for five minutes where it cannot know.
    expect(performance.now() - stoppedAt).toBeLessThan(60_000);
    expect(code).toBe(1);
    const [, id = ''] = /`prunecast serve` .* has ended.* prunecast jobs resume (job-\w+)$/m.exec(stderr) ?? [];
    const resumed = start('there', 'jobs', 'resume', id);
    const findState = async () => listJobs(await run('there', 'jobs', 'list', '--json'))[0]?.state;
    await expect.poll(findState, { timeout: 200_000 }).toBe('JOB_STATE_RUNNING');
    expect(await run('here', 'jobs', 'cancel', id)).toMatchObject({ code: 0 });
    expect(await resumed.result).toMatchObject({ code: 1, stderr: expect.stringContaining('CANCELLED') as string });
  });

  it('with names under the roots of a `serve` says that only that resumes its jobs', TIMEOUT, async () => {
    const { run, start } = makeState('roots');
    const address = `unix:${join(folder, 'roots.sock')}`;
    const serve = start(
      'there',
      'serve',
      '--listen',
      address,
      '--model-root',
      '../here',
      '--data-root',
      '../here/tiny',
    );
    await isReady(serve);
    const named = LONG_SEARCH.map((word) => (word === 'tiny/stories.json' ? 'stories.json' : word));
    const search = start('there', ...named, '--address', address);
    await isRunning(search);
    serve.child.kill('SIGTERM');
    await serve.result;
    search.child.kill('SIGKILL');
    const [job] = listJobs(await run('there', 'jobs', 'list', '--json'));
    const { code, stderr } = await run('there', 'jobs', 'resume', job?.id ?? '');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/MODEL_NOT_FOUND.*`prunecast serve`.*same roots/)]);
  });

  it('gives commands that start at the same moment one server', TIMEOUT, async () => {
    const { run } = makeState('race');
    const results = await Promise.all(['here', 'there', 'here'].map((where) => run(where, 'jobs', 'list', '--json')));
    expect(results).toEqual(results.map(() => ({ code: 0, stdout: '', stderr: '' })));
  });

  it('is used again after its server was killed', TIMEOUT, async () => {
    const { run, start, attend: visit, stateDirectory } = makeState('killed');
    const search = start('here', ...LONG_SEARCH);
    await isRunning(search);
    const server = await visit();
    process.kill(server.greeting.processId, 'SIGKILL');
    await once(server.ended, 'abort');
    expect(await search.result).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('has ended before its time') as string,
    });
    expect(existsSync(findSockets(stateDirectory).attendance)).toBe(true);
    const listed = await run('there', 'jobs', 'list', '--json');
    const [job] = listJobs(listed);
    expect(job).toMatchObject({ state: 'JOB_STATE_PAUSED' });
    expect((await search.result).stderr).toContain(`to go on with it: prunecast jobs resume ${job?.id}\n`);
  });

  it('is kept from a second server, with a word about the first', TIMEOUT, async () => {
    const { start, run, attend: visit } = makeState('second');
    const serve = start('here', 'serve', '--listen', `unix:${join(folder, 'one.sock')}`);
    await isReady(serve);
    const server = await visit();
    const second = await run('there', 'serve', '--listen', `unix:${join(folder, 'two.sock')}`);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`It is process ${server.greeting.processId}`);
    expect(second.stderr).toContain('--state-dir');
    await server.leave();
    serve.child.kill('SIGTERM');
    await serve.result;
  });

  it('with a server of another version, or without a plug-in, is not used', TIMEOUT, async () => {
    const { run, stateDirectory } = makeState('version');
    mkdirSync(stateDirectory, { mode: 0o700 });
    const address = `unix:${findSockets(stateDirectory).calls}`;
    const greeting = { processId: 1, address, kind: 'serve', plugins: [] } as const;
    const open = (version: string) => openAttendance(findSockets(stateDirectory).attendance, { ...greeting, version });
    const other = await open('0.0.1');
    const refused = await run('here', 'jobs', 'list');
    other.close();
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /Prunecast 0\.0\.1 \(process 1\) uses the state folder .*version, and this is .*stop it/,
    );
    const version = (await run('here', '--version')).stdout.trim();
    const same = await open(version);
    const lacking = await run('here', 'jobs', 'list', '--plugin', './knn.js');
    same.close();
    expect(lacking).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('without the plug-in ./knn.js') as string,
    });
  });

  it('that cannot be made is told with the setting that names another', async () => {
    writeFileSync(join(folder, 'file'), '');
    const { run } = makeState('file/state');
    for (const args of [
      ['jobs', 'list'],
      ['serve', '--listen', '127.0.0.1:0'],
    ]) {
      const { code, stderr } = await run('here', ...args);
      expect(code).toBe(1);
      expect(stderr).toContain(`${join(folder, 'file/state')} cannot be used`);
      expect(stderr).toContain('PRUNECAST_STATE_DIRECTORY');
      expect(stderr).not.toContain('    at ');
    }
  });

  it('that others may write is refused, though a server greets there', TIMEOUT, async () => {
    const { run, stateDirectory } = makeState('open');
    mkdirSync(stateDirectory);
    chmodSync(stateDirectory, 0o777);
    const address = `unix:${findSockets(stateDirectory).calls}`;
    const greeting = { version: '0.0.1', processId: 1, address, kind: 'serve', plugins: [] } as const;
    const theirs = await openAttendance(findSockets(stateDirectory).attendance, greeting);
    const { code, stderr } = await run('here', 'jobs', 'list');
    theirs.close();
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${stateDirectory} may be somebody else's`)]);
    expect(stderr).not.toContain('    at ');
  });

  it('has a server that ignores how `serve` is to be reached', TIMEOUT, async () => {
    const { stateDirectory } = makeState('reach');
    const { key, certificate } = makeSelfSigned();
    writeFileSync(join(folder, 'key.pem'), key);
    writeFileSync(join(folder, 'certificate.pem'), certificate);
    const environment = {
      PRUNECAST_STATE_DIRECTORY: stateDirectory,
      PRUNECAST_TLS_KEY: join(folder, 'key.pem'),
      PRUNECAST_TLS_CERTIFICATE: join(folder, 'certificate.pem'),
      PRUNECAST_DASHBOARD: '0.0.0.0:0',
    };
    expect(await runCli(['jobs', 'list', '--json'], { environment })).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('is that of the platform by default, and an earlier one in the current folder is mentioned', TIMEOUT, async () => {
    const earlier = join(folder, 'earlier');
    mkdirSync(join(earlier, '.prunecast'), { recursive: true });
    writeFileSync(join(earlier, '.prunecast/prunecast.db'), '');
    const environment = { PRUNECAST_STATE_DIRECTORY: '', XDG_STATE_HOME: join(folder, 'xdg') };
    const { code, stderr } = await runCli(['jobs', 'list'], { cwd: earlier, environment });
    expect([code, stderr]).toEqual([0, expect.stringContaining('--state-dir .prunecast')]);
    expect(readdirSync(join(folder, 'xdg/prunecast'))).toContain('prunecast.db');
    expect(execFileSync('stat', ['-c', '%a', join(folder, 'xdg/prunecast')], { encoding: 'utf8' })).toBe('700\n');
  });
});
