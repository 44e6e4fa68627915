import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLUGIN_KINDS } from '../../src/core/ports/plugin.js';
import { readJsonLines } from '../cli/run-cli.js';
import { installPacked } from '../support/packed-package.js';

/*
 * What `prunecast plugin new` writes, against the packed package alone, as it is used by somebody who has installed it.
 */

const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'scaffold-')));
  installPacked(folder);
  for (const kind of PLUGIN_KINDS) await prunecast('plugin', 'new', kind, `my-own-${kind}`);
});
afterAll(() => rm(folder, { recursive: true }));

const prunecast = (...words: string[]) =>
  run(join(folder, 'node_modules/.bin/prunecast'), words, {
    cwd: folder,
    env: { ...process.env, PRUNECAST_STATE_DIRECTORY: join(folder, 'state') },
  });

describe('prunecast plugin new', { timeout: 180_000 }, () => {
  it.each(PLUGIN_KINDS)('writes a %s whose tests pass as they are', async (kind) => {
    const { stdout } = await run('npm', ['test'], { cwd: join(folder, `my-own-${kind}`) });
    expect(stdout).toMatch(/^# fail 0$/m);
    expect(Number(/^# pass (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(6);
  });

  it('writes plug-ins that the type checker accepts strictly', async () => {
    const types = { target: 'ES2023', module: 'NodeNext', types: ['node'], allowJs: true, checkJs: true, strict: true };
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { ...types, noEmit: true, skipLibCheck: true },
        include: ['my-own-*/**/*.js'],
      }),
    );
    const compiler = resolve(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [compiler, '-p', folder]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  });

  it('writes plug-ins that pass `plugin check` by their folders, and that a server lists', async () => {
    const folders = PLUGIN_KINDS.map((kind) => `./my-own-${kind}`);
    const checked = await prunecast('plugin', 'check', '--json', ...folders);
    const findings = readJsonLines(checked.stdout) as readonly { readonly event: string; readonly kind?: string }[];
    expect(findings.flatMap(({ event, kind }) => (event === 'plugin' ? [kind] : []))).toEqual(PLUGIN_KINDS);
    expect(findings.length).toBeGreaterThan(50);
    const listed = await prunecast('plugins', '--json', ...folders.flatMap((path) => ['--plugin', path]));
    for (const kind of PLUGIN_KINDS)
      expect(readJsonLines(listed.stdout)).toContainEqual(
        expect.objectContaining({
          id: `my-own-${kind}`,
          version: expect.stringMatching(/^0\.1\.0\+sha256-/) as string,
        }),
      );
  });
});
