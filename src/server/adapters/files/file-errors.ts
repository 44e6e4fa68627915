import { lstat } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { isFullDisk } from '../../../core/errors/full-disk.js';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { OutputTarget } from '../../../core/ports/outputs.js';
import { isEverything } from '../../../engine/files/is-everything.js';

/** Whether something is there; a link counts even if it leads nowhere. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    // ENOTDIR: a file where a folder would have to be, so nothing can be there.
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return false;
    throw error;
  }
}

/** Whether an error came from the file system with one of these codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** What is in the way, and what to do. A server that may write anywhere is that of its user's own commands. */
const UNWRITABLE: Readonly<Record<string, (place: string, root: 'user' | 'server') => string>> = {
  EACCES: refuseWriting,
  EPERM: refuseWriting,
  EROFS: (place, whose) =>
    `the file system of ${place} is read-only: name ${whose === 'user' ? 'a folder elsewhere' : 'another output root'}`,
  ENOENT: () => 'its folder was removed meanwhile: try again',
  ENOTDIR: () => 'a file has the name of a folder on the way: name another place',
  EEXIST: () => 'a file has the name of a folder on the way: name another place',
  EIO: () => 'the disk reported an error: see the system log',
};

function refuseWriting(place: string, whose: 'user' | 'server'): string {
  return whose === 'user'
    ? `you may not write in ${place}: name a folder where you may, or take the right (\`chmod u+w\`) if it is yours`
    : `the user of the server may not write in ${place}: give that user the right, or name another folder`;
}

/**
 * The error for the caller when the file system fails while an output is written: STORAGE_FULL, or OUTPUT_NOT_WRITTEN
 * with the obstacle. Other errors, and those of other files, are returned unchanged.
 *
 * @param root the folder that holds all paths of the output
 */
export function toOutputError(error: unknown, { output, bytes }: OutputTarget, root: string): unknown {
  if (isFullDisk(error)) {
    return new PrunecastError(
      'STORAGE_FULL',
      `output: the disk has no room for "${output}": free some space, or use another output root; nothing of it was left behind`,
      {
        metadata: {
          folder: 'outputRoot',
          output,
          ...(bytes === undefined ? {} : { needed_bytes: String(Math.ceil(bytes)) }),
        },
        cause: error,
      },
    );
  }
  if (!(error instanceof Error)) return error;
  const { code = '', path = root, syscall = '' } = error as NodeJS.ErrnoException;
  const describe = syscall === '' || !path.startsWith(root) ? undefined : UNWRITABLE[code];
  if (describe === undefined) return error;
  const place = syscall === 'mkdir' ? dirname(path) : path;
  const isOwn = isEverything(root);
  const below = relative(root, place);
  const named = isOwn ? place : /^(?:\.\.|$)/.test(below) ? 'the output root' : below;
  return notWritten(output, describe(named, isOwn ? 'user' : 'server'), error);
}

/** OUTPUT_NOT_WRITTEN with the obstacle. */
export function notWritten(output: string, problem: string, cause?: unknown): PrunecastError {
  const description = `"${output}" cannot be written: ${problem}`;
  return new PrunecastError('OUTPUT_NOT_WRITTEN', `output: ${description}`, {
    metadata: { output },
    violations: [{ field: 'output', description }],
    cause,
  });
}
