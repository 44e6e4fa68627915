import { access, mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Check } from './check.js';

const MIB = 2 ** 20;
/** Less than this, and the next job may not find room for its results. */
const LITTLE_BYTES = 1024 * MIB;
/** Less than this, and the databases of a state folder cannot grow. */
const LEAST_BYTES = 64 * MIB;

/**
 * Whether a folder that a server writes to, or the nearest one above it that exists, can be written, and how much room
 * its disk has. A file is written and removed again.
 *
 * @param name of the check: `state`, `output`
 * @param setting of another folder, as the advice names it
 */
export async function checkFolder(name: string, path: string, setting: string): Promise<Check> {
  const folder = await findExisting(path);
  if (!(await stat(folder)).isDirectory())
    return {
      name,
      state: 'fail',
      finding: folder === path ? `${path} is a file` : `${path} cannot be made: ${folder} is a file`,
      advice: `move that file, or name a folder with ${setting}`,
    };
  const where = folder === path ? path : `${path}, to be made in ${folder}`;
  try {
    await withProbe(folder, (probe) => writeFile(join(probe, 'file'), 'prunecast'));
  } catch (error) {
    return {
      name,
      state: 'fail',
      finding: `${where}: cannot be written (${describeObstacle(error)})`,
      advice: `${CURES[codeOf(error)] ?? 'give your user the right to write there'}, or name another folder with ${setting}`,
    };
  }
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const finding = `${where}: can be written, ${formatMib(free)} free`;
  if (free >= LITTLE_BYTES) return { name, state: 'ok', finding };
  return {
    name,
    state: free < LEAST_BYTES ? 'fail' : 'warn',
    finding,
    advice: `free some space, or name a folder on another disk with ${setting}`,
  };
}

const OBSTACLES: Readonly<Record<string, string>> = {
  EACCES: 'your user may not write there',
  EPERM: 'your user may not write there',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
};

const CURES: Readonly<Record<string, string>> = {
  EACCES: 'run `chmod u+rwx` on it if it is yours',
  EROFS: 'mount it for writing',
  ENOSPC: 'free some space',
};

function describeObstacle(error: unknown): string {
  return OBSTACLES[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Does something in a new folder inside another, and removes it. */
export async function withProbe<Result>(folder: string, use: (probe: string) => Promise<Result>): Promise<Result> {
  const probe = await mkdtemp(join(folder, '.prunecast-doctor-'));
  try {
    return await use(probe);
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/** A folder, or the nearest one above it that exists. */
export async function findExisting(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const exists = await access(folder).then(
      () => true,
      () => false,
    );
    if (exists || dirname(folder) === folder) return folder;
  }
}

/** Bytes as `92 KiB`, `512 MiB` or `20.4 GiB`. */
export function formatMib(bytes: number): string {
  if (bytes < MIB) return `${Math.ceil(bytes / 1024)} KiB`;
  return bytes < 1024 * MIB ? `${Math.round(bytes / MIB)} MiB` : `${(bytes / (1024 * MIB)).toFixed(1)} GiB`;
}
