import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCli, type RunningCli } from '../run-cli.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-'));
  mkdirSync(join(folder, 'tmp'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** How others reach `serve`, in part wrong: a demo does not look at it. */
const REACH = {
  PRUNECAST_DASHBOARD: '0.0.0.0:0',
  PRUNECAST_TLS_CERTIFICATE: 'certificate.pem',
  PRUNECAST_TLS_KEY: 'key.pem',
};

const startDemo = (...flags: readonly string[]): RunningCli =>
  startCli(['demo', ...flags], { cwd: folder, environment: { TMPDIR: join(folder, 'tmp'), ...REACH } });

describe('prunecast demo', () => {
  it('leaves nothing behind when it is interrupted, and says so', { timeout: 120_000 }, async () => {
    const demo = startDemo();
    await demo.says('measuring versions with one rate everywhere');
    expect(readdirSync(folder)).toContain('prunecast-demo');
    demo.child.kill('SIGINT');
    expect(await demo.result).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('prunecast: interrupted: nothing is left behind') as string,
    });
    expect(readdirSync(folder, { recursive: true })).toEqual(['tmp']);
  });

  it('refuses a folder that exists before it starts anything', async () => {
    expect(await startDemo('--output', 'tmp').result).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'prunecast: tmp exists: name a folder that does not, with --output\n',
    });
  });
});
