import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/** A package as a user gets it: packed from a clone that was never built, and installed in an empty folder. */
export interface Installation extends AsyncDisposable {
  readonly clone: string;
  readonly tarball: string;
  /** The folder that it is installed in. */
  readonly user: string;
  /** Why the registry cannot be reached; undefined if it is installed. */
  readonly offline: string | undefined;
}

/** Packs the package of a folder of the repository, and installs it from the registry with its dependencies. */
export async function installFromClone(packageFolder: string): Promise<Installation> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'installed-package-')));
  const clone = await cloneSources(join(folder, 'clone'));
  const tarball = await pack(join(clone, packageFolder), folder);
  const user = join(folder, 'user');
  return {
    clone,
    tarball,
    user,
    offline: await install(tarball, user),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The files of an archive, within its package. */
export async function listPacked(tarball: string): Promise<string[]> {
  const { stdout } = await run('tar', ['-tzf', tarball], { maxBuffer: 2 ** 24 });
  return stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
}

/** Bytes of all files under a folder. */
export async function sumBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

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

async function pack(folder: string, destination: string): Promise<string> {
  await run('npm', ['pack', '--pack-destination', destination], { cwd: folder, maxBuffer: 2 ** 24 });
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
