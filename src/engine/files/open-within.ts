import { constants } from 'node:fs';
import { open, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { malformed } from './model-errors.js';

/** A folder whose files are read, and where those files may really lie. */
export interface CheckpointPlace {
  readonly directory: string;
  /**
   * Folders that links may not lead out of. The links of a hub cache stay inside (`snapshots/REV/config.json` to
   * `blobs/`). undefined: links may lead anywhere, and a caller that names the folder may read whatever this process
   * may read.
   */
  readonly roots?: readonly string[];
}

/**
 * Opens a file of a checkpoint for reading, whatever links lead to it. Everything that is read or copied from a
 * checkpoint comes through here. The opened file is checked again, so that nothing can be swapped in between. What
 * could block (a FIFO, a device) is never waited for.
 *
 * @param file relative to the folder
 * @returns undefined if there is no such file
 * @throws PrunecastError PATH_OUTSIDE_ROOTS, MODEL_MALFORMED if it is not a plain file or may not be read, OVERLOADED
 * if no more files can be opened
 */
export async function openWithin({ directory, roots }: CheckpointPlace, file: string): Promise<FileHandle | undefined> {
  const path = join(directory, file);
  const real = await ifThere(realpath(path), file);
  if (real === undefined) return undefined;
  if (roots !== undefined) await requireWithin(roots, real, file);
  if ((await ifThere(stat(real), file))?.isFile() === false) throw malformed(file, 'is not a plain file');
  // Never follows a link that was added since, and never waits for the other end of a pipe.
  const handle = await ifThere(open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW), file);
  if (handle === undefined) return undefined;
  try {
    if (!(await handle.stat()).isFile()) throw malformed(file, 'is not a plain file');
    if (roots !== undefined) await requireWithin(roots, await findOpened(handle, path), file);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Where an open file lies; outside Linux, what its name says. */
export async function findOpened(handle: FileHandle, path: string): Promise<string> {
  return readlink(`/proc/self/fd/${handle.fd}`).catch(() => realpath(path));
}

async function requireWithin(roots: readonly string[], real: string, file: string): Promise<void> {
  for (const root of roots) {
    const realRoot = await realpath(root).catch(() => undefined);
    if (realRoot !== undefined && relative(realRoot, real).split(sep)[0] !== '..') return;
  }
  throw new PrunecastError(
    'PATH_OUTSIDE_ROOTS',
    `${file}: is a link that leads outside the configured roots: put the file itself there, or make the folder that it leads to a root`,
    { metadata: { file } },
  );
}

/** undefined if there is no such file. Throws what a caller can understand. */
async function ifThere<Found>(found: Promise<Found>, file: string): Promise<Found | undefined> {
  try {
    return await found;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    switch (code) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ENAMETOOLONG':
        return undefined;
      case 'ELOOP':
        throw malformed(file, 'is a link that leads in a circle', { cause: error });
      case 'ENXIO':
        throw malformed(file, 'is not a plain file', { cause: error });
      case 'EACCES':
      case 'EPERM':
        throw malformed(file, 'may not be read by the server: give the server read permission', { cause: error });
      default:
        throw error;
    }
  }
}
