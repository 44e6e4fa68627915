import { lstat } from 'node:fs/promises';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';

/** Whether something is there; a link counts even when it leads nowhere. */
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

/** Whether an error is the file system's of one of these codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

const UNWRITABLE: Readonly<Record<string, string>> = {
  EACCES: 'the server may not write there: give its user the right to',
  EPERM: 'the server may not write there: give its user the right to',
  EROFS: 'it lies on a read-only file system: name another output root',
  ENOENT: 'its folder was removed meanwhile: try again',
  ENOTDIR: 'a file is where a folder would have to be: name another place',
  EEXIST: 'a file is where a folder would have to be: name another place',
  EIO: 'the disk reported an error: look into the log of the system',
};

/**
 * What a caller is told of an error that the file system gave while an output was written: STORAGE_FULL, or
 * OUTPUT_NOT_WRITTEN with what is in the way. Anything else is returned as it is, errors of other files among it.
 *
 * @param root the folder under which all paths are the output's
 */
export function toOutputError(error: unknown, output: string, root: string): unknown {
  if (isCode(error, 'ENOSPC', 'EDQUOT', 'EFBIG')) {
    return new PrunecastError(
      'STORAGE_FULL',
      `output: there is no room for "${output}": make room on its disk, or name another output root; nothing of it was left behind`,
      { metadata: { output }, cause: error },
    );
  }
  if (!(error instanceof Error)) return error;
  const { code = '', path = root, syscall = '' } = error as NodeJS.ErrnoException;
  const problem = syscall === '' || !path.startsWith(root) ? undefined : UNWRITABLE[code];
  return problem === undefined ? error : notWritten(output, problem, error);
}

/** OUTPUT_NOT_WRITTEN with what is in the way. */
export function notWritten(output: string, problem: string, cause?: unknown): PrunecastError {
  return new PrunecastError('OUTPUT_NOT_WRITTEN', `output: "${output}" cannot be written: ${problem}`, {
    metadata: { output },
    violations: [{ field: 'output', description: problem }],
    cause,
  });
}
