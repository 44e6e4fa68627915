import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';

/*
 * The package as a user gets it: packed from a clone that was never built, and installed from the registry with its
 * dependencies. Skipped where the registry cannot be reached.
 */

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

let folder: string;
let tarball: string;
let offline: string | undefined;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'installed-package-')));
  tarball = await pack(await cloneSources(join(folder, 'clone')), folder);
  offline = await install(tarball, join(folder, 'user'));
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What git has or would add: no `dist`. Development tools are linked. */
async function cloneSources(clone: string): Promise<string> {
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    maxBuffer: 2 ** 24,
  });
  for (const path of stdout.split('\0').filter((name) => name !== '')) {
    await mkdir(dirname(join(clone, path)), { recursive: true });
    await cp(join(ROOT, path), join(clone, path));
  }
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'), 'dir');
  return clone;
}

async function pack(clone: string, destination: string): Promise<string> {
  await run('npm', ['pack', '--pack-destination', destination], { cwd: clone, maxBuffer: 2 ** 24 });
  const name = (await readdir(destination)).find((file) => file.endsWith('.tgz'));
  if (name === undefined) throw new Error('npm pack wrote nothing');
  return join(destination, name);
}

/** Installs without install scripts, as docs/install.md says. Returns why the registry cannot be reached, if so. */
async function install(file: string, user: string): Promise<string | undefined> {
  await mkdir(user);
  try {
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries', '1', file], {
      cwd: user,
      maxBuffer: 2 ** 24,
    });
    return undefined;
  } catch (error) {
    const { stderr } = error as { readonly stderr: string };
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/.test(stderr)) return stderr;
    throw error;
  }
}

const prunecast = (...args: string[]) =>
  run('npx', ['--no-install', 'prunecast', ...args], { cwd: join(folder, 'user'), maxBuffer: 2 ** 24 });

const skipOffline = ({ skip }: TestContext): void => skip(offline !== undefined, offline);

describe('the package of a clone that was never built', () => {
  it('has the build, the demo model and the docs, and neither maps nor anything that only developers use', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball], { maxBuffer: 2 ** 24 });
    const files = stdout.trim().split('\n');
    expect(files).toEqual(
      expect.arrayContaining(
        ['dist/src/cli/main.js', 'dist/src/client/index.d.ts', 'models/stories260k/config.json', 'docs/cli.md'].map(
          (name) => `package/${name}`,
        ),
      ),
    );
    const superfluous = /\.map$|\.tsx?$|^package\/(?:dist\/bench|bench|test|scripts|src)\//;
    expect(files.filter((name) => superfluous.test(name) && !name.endsWith('.d.ts'))).toEqual([]);
    const script = await readFile(join(folder, 'clone/dist/src/cli/main.js'), 'utf8');
    expect(script).not.toContain('sourceMappingURL');
  });

  it('runs once it is installed', { timeout: 300_000 }, async (context) => {
    skipOffline(context);
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };
    expect((await prunecast('--version')).stdout.trim()).toBe(version);
    const model = 'node_modules/prunecast/models/stories260k';
    const { stdout: inspected } = await prunecast('inspect', '--model', model, '--json');
    expect(JSON.parse(inspected)).toMatchObject({ family: 'llama', parameters: '260032' });
    const flags = ['--text', `${model}/stories.json`, '--tokens', '512', '--bos', '--dense', '--json'];
    const { stdout: evaluated } = await prunecast('evaluate', '--model', model, ...flags);
    const events = evaluated
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly evaluation?: { readonly metrics: Record<string, number> } });
    const perplexity = events.find(({ evaluation }) => evaluation !== undefined)?.evaluation?.metrics['perplexity'];
    // That of the whole text is 4.6; a model that computes nonsense would come to about its vocabulary, 512.
    expect(perplexity).toBeGreaterThan(3);
    expect(perplexity).toBeLessThan(10);
  });
});
