import { realpath } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Reason } from '../../core/errors/reasons.js';

export interface PathField {
  /** The path's field in the request. */
  readonly field: string;
  /** The reason when nothing of this name is there. */
  readonly missing: Extract<Reason, keyof typeof ROOT_NAMES>;
  /** Where links on the path may lead; within the roots by default. */
  readonly links?: 'within-roots' | 'anywhere';
}

/** The kind of root that something was to lie under, by the reason when it does not. */
const ROOT_NAMES = { MODEL_NOT_FOUND: 'a model', TEXT_NOT_FOUND: 'a data', REGRESSOR_INVALID: 'a data or model' } as const satisfies Partial<Record<Reason, string>>;

/**
 * The real path of something under one of the roots; the first root that has it wins.
 *
 * @param roots absolute folders
 * @param path as the caller sent it, relative to a root
 * @throws PrunecastError PATH_OUTSIDE_ROOTS where the path, or a link on it, leads out of its root; `missing` where no root has it
 */
export async function resolveWithin(roots: readonly string[], path: string, { field, missing, links = 'within-roots' }: PathField): Promise<string> {
  if (path === '') throw PrunecastError.ofField(field, 'is empty: it is required');
  for (const root of roots) {
    if (path.includes('\0') || !isWithin(resolve(root), resolve(root, path))) throw outsideRoots(path, field);
    const real = await realpathIfThere(resolve(root, path));
    if (real === undefined) continue;
    if (links === 'within-roots' && !isWithin(await realpath(root), real)) throw outsideRoots(path, field);
    return real;
  }
  throw PrunecastError.ofField(field, `"${path}" is not there: name something relative to ${ROOT_NAMES[missing]} root`, missing);
}

function isWithin(root: string, path: string): boolean {
  const [first] = relative(root, path).split(sep);
  return first !== '..';
}

/** Undefined where nothing is there, or a file stands where a folder would have to. */
async function realpathIfThere(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'ELOOP') return undefined;
    throw error;
  }
}

function outsideRoots(path: string, field: string): PrunecastError {
  return PrunecastError.ofField(field, `"${path}" leads outside the configured roots: name something relative to a root`, 'PATH_OUTSIDE_ROOTS');
}
