import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { STATE_DATABASES } from '../adapters/files/private-state.js';
import { backUpDatabase, type BackedUpDatabase } from '../adapters/sqlite/back-up-database.js';
import { findStorageFault } from '../jobs/storage-waits.js';
import { createId } from '../records/create-id.js';
import { requireStore } from './require-store.js';

/** What a backup holds. */
export interface Backup extends BackedUpDatabase {
  readonly folder: string;
  /** Of the database; SHA-256, hex. */
  readonly digest: string;
  readonly bytes: number;
}

/** Folders that belong to a state besides its database. What is left out is computed again: scores, and scratch files. */
const KEPT_FOLDERS = ['uploaded', 'latencies'] as const;

/**
 * Copies a state folder to a folder that is not there yet, or empty: whole, or not at all. A server may go on with the
 * state meanwhile. The copy is a state folder itself: restoring it is to start a server on it.
 *
 * @throws PrunecastError as `backUpDatabase`
 * @throws Error that says what to do
 */
export async function backUpState(stateDirectory: string, target: string): Promise<Backup> {
  const source = await requireStore(stateDirectory);
  const taken = await readdir(target).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new Error(`${target} is no folder: name one that is not there yet`, { cause: error });
  });
  if (taken.length > 0) throw new Error(`${target} is not empty: name a folder that is not there yet`);
  await mkdir(dirname(target), { recursive: true });
  const fresh = join(dirname(target), `.${basename(target)}.${createId('output')}`);
  await mkdir(fresh, { mode: 0o700 });
  try {
    const path = join(fresh, STATE_DATABASES.store);
    const backedUp = await backUpDatabase(source, path);
    // After the database: what a job in it names was there before.
    for (const folder of KEPT_FOLDERS) await copyFolder(join(stateDirectory, folder), join(fresh, folder));
    const { size } = await stat(path);
    const digest = await digestFile(path);
    await rename(fresh, target);
    return { ...backedUp, folder: target, digest, bytes: size };
  } catch (error) {
    throw findStorageFault(error)?.reason === 'STORAGE_FULL' ? describeFull(target, error) : error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Errors of a database speak of the disk of the state folder. */
function describeFull(target: string, cause: unknown): PrunecastError {
  return new PrunecastError(
    'STORAGE_FULL',
    `the disk has no room for ${target}: free some space there, or name a folder elsewhere; nothing of it was left behind`,
    { cause },
  );
}

/** A server may remove a file while its folder is copied. */
const MOST_ATTEMPTS = 5;

async function copyFolder(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await cp(from, to, { recursive: true, preserveTimestamps: true });
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (isMissing && (await stat(from).catch(() => undefined)) === undefined) return;
      if (!isMissing || attempt === MOST_ATTEMPTS) throw error;
      await rm(to, { recursive: true, force: true });
    }
  }
}

async function digestFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
