import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join, normalize, sep } from 'node:path';
import type { LeaseOwner } from '../../../core/ports/job-store.js';
import { createId } from '../../records/create-id.js';
import { exists, isCode } from './file-errors.js';

/** Who writes, and how others can see that it still does. */
export interface WritingLease {
  readonly owner: LeaseOwner;
  /** A folder whose owner is not known to have ended is left alone until it has not been renewed for so long. */
  readonly leaseMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A hidden folder beside an output, in which the output is written; one server owns it until `close`. */
export interface WritingFolder {
  /** For the new output; an empty folder at first. */
  readonly fresh: string;
  /** For the old output between the two renames that replace it. */
  readonly old: string;
  /** Whether no other server has taken the folder for a leftover. */
  isOwned(): Promise<boolean>;
  /**
   * Removes it. If it holds the old output and nothing took the place of that, it is left for `sweepWritingFolders`.
   */
  close(): Promise<void>;
}

const NAME = /^\.prunecast-output-[0-9a-f]{16}$/;
const LEASE_FILE = 'owner.json';
const RENEWALS = 3;

/**
 * The folders that this process writes in: nothing else distinguishes another server of the same process from an
 * earlier one.
 */
const writing = new Set<string>();

/** Whether a name is that of a writing folder, so that no output can have it. */
export function isWritingName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Creates a writing folder in `parent`. @param target the output that may be moved aside into it, relative to `parent`
 */
export async function openWritingFolder(
  parent: string,
  target: string,
  { owner, leaseMs, now }: WritingLease,
): Promise<WritingFolder> {
  const id = createId('output');
  const folder = join(parent, `.prunecast-${id}`);
  const leaseFile = join(folder, LEASE_FILE);
  const [fresh, old] = [join(folder, 'new'), join(folder, 'old')];
  writing.add(folder);
  try {
    await mkdir(folder);
    await writeFile(leaseFile, JSON.stringify({ owner: owner.name, target } satisfies Ownership), { flush: true });
    await mkdir(fresh);
  } catch (error) {
    writing.delete(folder);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const renew = (date: number) => utimes(leaseFile, date / 1000, date / 1000);
  // A lease that cannot be renewed runs out; `isOwned` reports it.
  const timer = setInterval(() => renew(now()).catch(() => undefined), leaseMs / RENEWALS);
  timer.unref();
  return {
    fresh,
    old,
    isOwned: async () => (await readOwnership(folder))?.owner === owner.name,
    close: async () => {
      clearInterval(timer);
      try {
        if ((await exists(old)) && !(await exists(join(parent, target)))) await renew(0);
        else await rm(folder, { recursive: true, force: true });
      } finally {
        writing.delete(folder);
      }
    },
  };
}

/**
 * Removes the writing folders that no longer have an owner, and puts back an old output that had only been moved aside.
 */
export async function sweepWritingFolders(parent: string, lease: WritingLease): Promise<void> {
  const names = (await readdir(parent)).filter(isWritingName);
  for (const name of names) {
    const found = join(parent, name);
    if (await isInUse(found, lease)) continue;
    // Taken by a rename: an owner that was only asleep finds all of it gone, and of two servers only one succeeds.
    const taken = join(parent, `.prunecast-${createId('output')}`);
    if (!(await moved(found, taken))) continue;
    const target = (await readOwnership(taken))?.target;
    if (target !== undefined && (await exists(join(taken, 'old'))) && !(await exists(join(parent, target))))
      await rename(join(taken, 'old'), join(parent, target));
    await rm(taken, { recursive: true, force: true });
  }
}

interface Ownership {
  readonly owner: string;
  readonly target: string;
}

async function isInUse(folder: string, { owner, leaseMs, now }: WritingLease): Promise<boolean> {
  if (writing.has(folder)) return true;
  const ownership = await readOwnership(folder);
  if (ownership !== undefined && owner.isGone(ownership.owner)) return false;
  // A folder without the file is being created now, or was left behind at that moment.
  const renewed = await stat(ownership === undefined ? folder : join(folder, LEASE_FILE)).catch(() => undefined);
  return renewed !== undefined && Math.abs(now() - renewed.mtimeMs) < leaseMs;
}

/** `undefined` if there is none, or it cannot be read. */
async function readOwnership(folder: string): Promise<Ownership | undefined> {
  const text = await readFile(join(folder, LEASE_FILE), 'utf8').catch(() => '');
  try {
    const { owner, target } = JSON.parse(text) as Partial<Ownership>;
    return typeof owner === 'string' &&
      typeof target === 'string' &&
      !normalize(target).startsWith('..') &&
      !target.startsWith(sep)
      ? { owner, target }
      : undefined;
  } catch {
    return undefined;
  }
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}
