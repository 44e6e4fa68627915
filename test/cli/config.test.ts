import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { writeSettings } from '../../src/cli/output/write-settings.js';
import { CONFIG_SCHEMA, loadConfig } from '../../src/server/config/config.js';
import { startCli, runCli } from './run-cli.js';

let folder = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'prunecast-')));
  mkdirSync(join(folder, 'models'));
  writeFileSync(join(folder, 'p.yaml'), 'modelRoots: [models]\nthreads: 3\nkeptEvents: 2000\n');
  writeFileSync(join(folder, 'bad.yaml'), 'thread: 3\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

const state = () => ({ PRUNECAST_STATE_DIRECTORY: join(folder, 'state') });
const run = (...words: string[]) => runCli(['config', ...words], { cwd: folder, environment: state() });

describe('prunecast config print', () => {
  it('prints a file of settings with where each value comes from, which means the same elsewhere', async () => {
    const words = ['--config', 'p.yaml', '--kept-events', '3000', '--plugin', './a b.js', '--plugin', 'c'];
    const { code, stdout } = await run('print', ...words);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        `modelRoots: [ ${folder}/models ] # ${folder}/p.yaml:1`,
        `threads: 3 # ${folder}/p.yaml:2`,
        'keptEvents: 3000 # --kept-events',
        `stateDirectory: ${folder}/state # PRUNECAST_STATE_DIRECTORY`,
        'logLevel: info # default',
        '# dashboard: (not set)',
      ]),
    );
    expect(stdout).toMatch(/^memoryBudgetBytes: \d+ # default: 70 % of .* GiB/m);
    writeFileSync(join(folder, 'printed.yaml'), stdout);
    const again = loadConfig({ PRUNECAST_CONFIG: join(folder, 'printed.yaml') });
    expect(again).toMatchObject({ modelRoots: [`${folder}/models`], threads: 3 });
    expect(again.plugins).toEqual([`${folder}/a b.js`, 'c']);
    expect(Object.keys(parse(stdout) as object).sort()).toEqual(
      Object.keys(again)
        .filter((name) => again[name as keyof typeof again] !== undefined)
        .sort(),
    );
  });

  it('tells programs the same, and people on request what each setting means', async () => {
    const { stdout } = await run('print', '--json', '--threads', '2');
    const { settings } = JSON.parse(stdout) as { settings: { name: string }[] };
    expect(settings.map(({ name }) => name)).toEqual(Object.keys(CONFIG_SCHEMA.shape));
    expect(settings).toContainEqual(
      expect.objectContaining({ name: 'threads', value: 2, from: 'flag', where: '--threads' }),
    );
    expect((await run('print', '--explain')).stdout).toMatch(/^# Threads of the numeric engine\. .*\nthreads: \d+ #/m);
  });

  it('leaves out what is secret', () => {
    const hidden = { name: 'word', hidden: true as const, from: 'file', where: '/p.yaml:1', meaning: '' };
    expect(writeSettings([hidden], { explains: false })).toBe('# word: (hidden) # /p.yaml:1');
  });
});

describe('prunecast config check', () => {
  it('ends with 0 where all is well', async () => {
    const { code, stdout, stderr } = await run('check', 'p.yaml');
    expect([code, stdout, stderr]).toEqual([0, '', 'the settings are valid\n']);
  });

  it('ends with 1, and names what is wrong with settings', async () => {
    const { code, stderr } = await run('check', 'bad.yaml', '--log-level', 'warm');
    expect(code).toBe(1);
    expect(stderr).toContain(`${folder}/bad.yaml:1: thread is no setting; did you mean "threads"?`);
    expect(stderr).toMatch(/logLevel \(--log-level\): .*; did you mean "warn"\?/);
    expect((await run('print', '--config', 'bad.yaml')).code).toBe(1);
  });

  it('looks for files and folders that are named, and tells programs of faults too', async () => {
    const words = ['--model-root', 'absent', '--tls-key', 'models', '--tls-certificate', 'p.yaml'];
    const { code, stdout } = await run('check', '--json', ...words, '--output-root', 'p.yaml/outputs');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      faults: [
        `modelRoots (--model-root): ${folder}/absent is not there`,
        `outputRoot (--output-root): ${folder}/p.yaml/outputs cannot be made: ${folder}/p.yaml is no folder`,
        `tlsKey (--tls-key): ${folder}/models is no file`,
      ],
      warnings: [],
    });
  });
});

describe('prunecast serve', () => {
  it('takes its settings from a file, tells of variables that are none, and refuses a file at fault', async () => {
    writeFileSync(join(folder, 'serve.yaml'), `listen: ["unix:own.sock"]\nstateDirectory: own-state\n`);
    const running = startCli(['serve', '--config', join(folder, 'serve.yaml')], {
      environment: { PRUNECAST_OF_SOMEBODY_ELSE: 'x' },
    });
    await running.says('listening');
    running.child.kill('SIGTERM');
    const { code, stdout, stderr } = await running.result;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ address: `unix:${folder}/own.sock` });
    expect(stderr).toContain('PRUNECAST_OF_SOMEBODY_ELSE is no setting');
    const refused = await runCli(['serve', '--config', 'bad.yaml'], { cwd: folder, environment: state() });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`${folder}/bad.yaml:1: thread is no setting; did you mean "threads"?`);
  });
});
