import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { createId } from './create-id.js';

/** What happens when an output is there already: it is refused, or replaced, or replaced where its folder is found to be one that may. */
export type OutputPolicy = 'refuse' | 'replace' | { readonly mayReplace: (directory: string) => Promise<boolean> };

/** Folders under the output root, each written whole or not at all. */
export interface OutputFolders {
  /**
   * Whether `output` could be written now, so that a bad request is refused before there is a job.
   *
   * @param output relative to the output root
   * @throws PrunecastError INVALID_REQUEST, PATH_OUTSIDE_ROOTS, OUTPUT_EXISTS
   */
  check(output: string, policy: OutputPolicy): Promise<void>;
  /**
   * Has `write` fill an empty folder beside the output, syncs it and renames it into place; on overwrite the old one is
   * first moved aside, then removed. When anything fails, what was there before is there again. Throws what `check` and
   * `write` throw.
   */
  write<Result>(output: string, policy: OutputPolicy, write: (directory: string) => Promise<Result>): Promise<Result>;
  /** Removes what an interrupted write left behind, and puts back an old output that had only been moved aside. To be called before any write. */
  sweep(): Promise<void>;
}

/** Most folders an output may lie deep; `sweep` looks no deeper. */
const MOST_DEPTH = 6;
const LEFTOVER = /^\.(?<name>.+)\.prunecast-(?<kind>new|old)-output-[0-9a-f]{16}$/;

/** @param root the output root; made when it is not there */
export function createOutputFolders(root: string): OutputFolders {
  const check = async (output: string, policy: OutputPolicy): Promise<string> => {
    const target = await locate(root, output);
    if ((await exists(target)) && !(await mayReplace(target, policy))) throw outputExists(output);
    return target;
  };
  return {
    check: async (output, policy) => void (await check(output, policy)),
    write: async (output, policy, write) => {
      const target = await check(output, policy);
      await mkdir(dirname(target), { recursive: true });
      const id = createId('output');
      const fresh = join(dirname(target), `.${basename(target)}.prunecast-new-${id}`);
      const old = join(dirname(target), `.${basename(target)}.prunecast-old-${id}`);
      await mkdir(fresh);
      try {
        const result = await write(fresh);
        await syncAll(fresh);
        await moveIntoPlace({ fresh, target, old, policy, output });
        return result;
      } finally {
        await rm(fresh, { recursive: true, force: true });
        if (await exists(target)) await rm(old, { recursive: true, force: true });
      }
    },
    sweep: async () => {
      await mkdir(root, { recursive: true });
      await sweepFolder(root, MOST_DEPTH);
    },
  };
}

/** The absolute path of an output, whose existing part must lie within the root, symlinks followed. */
async function locate(root: string, output: string): Promise<string> {
  if (output === '') throw PrunecastError.ofField('output', 'is empty: name a folder relative to the output root');
  const target = resolve(root, output);
  const parts = relative(root, target).split(sep);
  if (output.includes('\0') || parts[0] === '..' || target === resolve(root)) throw outsideRoot(output);
  if (parts.length > MOST_DEPTH) throw PrunecastError.ofField('output', `lies ${parts.length} folders deep: at most ${MOST_DEPTH} are allowed`);
  if (parts.some((part) => LEFTOVER.test(part))) throw PrunecastError.ofField('output', `"${output}" has a name that is kept for unfinished outputs: choose another`);
  const realRoot = await realpath(root);
  const realExisting = await realpath(await deepestExisting(target));
  if (realExisting !== realRoot && !realExisting.startsWith(`${realRoot}${sep}`)) throw outsideRoot(output);
  return target;
}

async function deepestExisting(path: string): Promise<string> {
  return (await exists(path)) ? path : deepestExisting(dirname(path));
}

/** A link counts as there even when it leads nowhere. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    // A file where a folder would have to be: nothing can be there.
    if (isCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}

async function moveIntoPlace({ fresh, target, old, policy, output }: {
  readonly fresh: string;
  readonly target: string;
  readonly old: string;
  readonly policy: OutputPolicy;
  readonly output: string;
}): Promise<void> {
  const isReplacing = await exists(target);
  if (isReplacing && !(await mayReplace(target, policy))) throw outputExists(output);
  if (isReplacing) await rename(target, old);
  try {
    await rename(fresh, target);
  } catch (error) {
    if (isReplacing) await rename(old, target);
    if (isCode(error, 'ENOTEMPTY') || isCode(error, 'EEXIST')) throw outputExists(output);
    throw error;
  }
  await syncPath(dirname(target));
}

async function mayReplace(target: string, policy: OutputPolicy): Promise<boolean> {
  return typeof policy === 'string' ? policy === 'replace' : policy.mayReplace(target);
}

async function sweepFolder(folder: string, depth: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    const leftover = LEFTOVER.exec(entry.name)?.groups;
    if (!leftover) {
      if (depth > 1) await sweepFolder(path, depth - 1);
      continue;
    }
    const target = join(folder, leftover['name'] ?? '');
    if (leftover['kind'] === 'old' && !(await exists(target))) await rename(path, target);
    else await rm(path, { recursive: true, force: true });
  }
}

/** Syncs every file and folder under a folder, and itself: after this a crash of the machine cannot empty them. */
async function syncAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncAll(path);
    else if (entry.isFile()) await syncPath(path);
  }
  await syncPath(folder);
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function outputExists(output: string): PrunecastError {
  return new PrunecastError('OUTPUT_EXISTS', `output: "${output}" exists: set overwrite to replace it, or name another folder`, {
    metadata: { output },
    violations: [{ field: 'output', description: 'exists, and overwrite is not set' }],
  });
}

function outsideRoot(output: string): PrunecastError {
  return PrunecastError.ofField('output', `"${output}" leads outside the output root: name a folder relative to it`, 'PATH_OUTSIDE_ROOTS');
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
