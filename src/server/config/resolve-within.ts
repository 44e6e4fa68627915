import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { describeMissing, quotePath } from '../../core/errors/describe-missing.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Reason } from '../../core/errors/reasons.js';
import { findBeside } from './find-beside.js';
import { MAX_PATH_BYTES } from './limits.js';

export interface PathField {
  /** The path's field in the request. */
  readonly field: string;
  /** The reason if nothing has this name. */
  readonly missing: Extract<Reason, keyof typeof ROOT_NAMES>;
  /** Where links on the path may lead; within the roots by default. */
  readonly links?: 'within-roots' | 'anywhere';
}

/** The kind of root that something should lie under, by the reason if it does not. */
const ROOT_NAMES = {
  MODEL_NOT_FOUND: 'a model',
  TEXT_NOT_FOUND: 'a data',
  REGRESSOR_INVALID: 'a data or model',
  OUTPUT_NOT_FOUND: 'the output',
} as const satisfies Partial<Record<Reason, string>>;

/**
 * The real path of something under one of the roots; the first root that has it wins.
 *
 * @param roots absolute folders
 * @param path as the caller sent it: relative to a root, or absolute and under one
 * @throws PrunecastError INVALID_REQUEST if it is not a path, leads in a circle, or may not be read; PATH_OUTSIDE_ROOTS
 * if it leads out of its root, or a link on it out of all roots; `missing` if no root has it
 */
export async function resolveWithin(roots: readonly string[], path: string, place: PathField): Promise<string> {
  const { field, missing, links = 'within-roots' } = place;
  requirePath(path, field);
  for (const root of isAbsolute(path) ? await listRootsOf(roots, path, field) : roots) {
    if (!isAbsolute(path) && !isWithin(resolve(root), resolve(root, path))) throw outsideRoots(path, field);
    const real = await realpathIfThere(resolve(root, path), path, field);
    if (real === undefined) continue;
    await requireRealWithin(roots, real, path, place);
    return real;
  }
  const isModel = missing === 'MODEL_NOT_FOUND';
  const beside = await findBeside(roots, path, {
    wants: isModel ? 'folder' : 'anything',
    mayRead: async (real) => links === 'anywhere' || (await isWithinAny(roots, real)),
  });
  throw PrunecastError.ofField(
    field,
    describeMissing({ path, beside, isModel, otherwise: `name something relative to ${ROOT_NAMES[missing]} root` }),
    missing,
  );
}

/**
 * Throws PATH_OUTSIDE_ROOTS if a real path lies in none of the roots, unless links may lead anywhere.
 *
 * @param path as the caller sent it
 */
export async function requireRealWithin(
  roots: readonly string[],
  real: string,
  path: string,
  { field, missing, links = 'within-roots' }: PathField,
): Promise<void> {
  if (links === 'within-roots' && !(await isWithinAny(roots, real))) throw linkOutsideRoots(path, field, missing);
}

function requirePath(path: string, field: string): void {
  if (path === '') throw PrunecastError.ofField(field, 'is empty: it is required');
  if (path.includes('\0')) throw PrunecastError.ofField(field, 'has a NUL character, which a path cannot have');
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES)
    throw PrunecastError.ofField(field, `has ${bytes} bytes; a path has at most ${MAX_PATH_BYTES}`);
}

/** The roots that an absolute path lies under, by their names or where these lead. */
async function listRootsOf(roots: readonly string[], path: string, field: string): Promise<string[]> {
  const isOf = await Promise.all(
    roots.map(
      async (root) =>
        isWithin(resolve(root), resolve(path)) || isWithin(await realpath(root).catch(() => root), resolve(path)),
    ),
  );
  const found = roots.filter((_, index) => isOf[index]);
  if (found.length === 0) throw outsideRoots(path, field);
  return found;
}

/** Whether a real path lies in one of the roots. */
export async function isWithinAny(roots: readonly string[], real: string): Promise<boolean> {
  for (const root of roots) {
    const realRoot = await realpath(root).catch(() => undefined); // a root that does not exist holds nothing
    if (realRoot !== undefined && isWithin(realRoot, real)) return true;
  }
  return false;
}

function isWithin(root: string, path: string): boolean {
  const [first] = relative(root, path).split(sep);
  return first !== '..';
}

/** `undefined` if nothing is there, or a file is in the place of a folder. */
async function realpathIfThere(full: string, path: string, field: string): Promise<string | undefined> {
  try {
    return await realpath(full);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    switch (code) {
      case 'ENOENT':
      case 'ENOTDIR':
        return undefined;
      case 'ENAMETOOLONG':
        throw PrunecastError.ofField(field, `${quotePath(path)} has a name that is too long for a file`);
      case 'ELOOP':
        throw PrunecastError.ofField(field, `${quotePath(path)} has links that lead in a circle: name the file itself`);
      case 'EACCES':
      case 'EPERM':
        throw PrunecastError.ofField(
          field,
          `${quotePath(path)} may not be read by the server: give its user the right to`,
        );
      default:
        throw error;
    }
  }
}

function outsideRoots(path: string, field: string): PrunecastError {
  return PrunecastError.ofField(
    field,
    `${quotePath(path)} leads outside the configured roots: name something relative to a root`,
    'PATH_OUTSIDE_ROOTS',
  );
}

/** A message names no place that the caller did not: where the link leads stays untold. */
function linkOutsideRoots(path: string, field: string, missing: PathField['missing']): PrunecastError {
  return PrunecastError.ofField(
    field,
    `${quotePath(path)} is, or lies behind, a symbolic link that leads outside the configured roots: make the folder that it leads to ${ROOT_NAMES[missing]} root, or put a copy in its place`,
    'PATH_OUTSIDE_ROOTS',
  );
}
