import { lstat } from 'node:fs/promises';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';

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

const UNWRITABLE: Readonly<Record<string, string>> = {
  EACCES: 'the server may not write there: give its user the right to',
  EPERM: 'the server may not write there: give its user the right to',
  EROFS: 'it lies on a read-only file system: name another output root',
  ENOENT: 'its folder was removed meanwhile: try again',
  ENOTDIR: 'a file has the name of a folder on the way: name another place',
  EEXIST: 'a file has the name of a folder on the way: name another place',
  EIO: 'the disk reported an error: see the system log',
};

/**
 * The error for the caller when the file system fails while an output is written: STORAGE_FULL, or OUTPUT_NOT_WRITTEN
 * with the obstacle. Other errors, and those of other files, are returned unchanged.
 *
 * @param root the folder that holds all paths of the output
 */
export function toOutputError(error: unknown, output: string, root: string): unknown {
  if (isCode(error, 'ENOSPC', 'EDQUOT', 'EFBIG')) {
    return new PrunecastError(
      'STORAGE_FULL',
      `output: the disk has no room for "${output}": free some space, or use another output root; nothing of it was left behind`,
      { metadata: { output }, cause: error },
    );
  }
  if (!(error instanceof Error)) return error;
  const { code = '', path = root, syscall = '' } = error as NodeJS.ErrnoException;
  const problem = syscall === '' || !path.startsWith(root) ? undefined : UNWRITABLE[code];
  return problem === undefined ? error : notWritten(output, problem, error);
}

/** OUTPUT_NOT_WRITTEN with the obstacle. */
export function notWritten(output: string, problem: string, cause?: unknown): PrunecastError {
  return new PrunecastError('OUTPUT_NOT_WRITTEN', `output: "${output}" cannot be written: ${problem}`, {
    metadata: { output },
    violations: [{ field: 'output', description: problem }],
    cause,
  });
}
