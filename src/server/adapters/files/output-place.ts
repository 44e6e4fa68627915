import { access, constants, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { CONFIG_FILE, INDEX_FILE, SINGLE_FILE } from '../../../engine/files/file-names.js';
import { MANIFEST_FILE, type KeptPath, type OutputTarget } from '../../../core/ports/outputs.js';
import { exists, isCode } from './file-errors.js';
import { isEverything } from '../../../engine/files/is-everything.js';
import { findForeign } from './output-files.js';
import { isWritingName } from './writing-folder.js';

/** A place that an output may take. */
export interface OutputPlace {
  /** Absolute, with the names that the caller gave: links are not followed. */
  readonly target: string;
  /** The deepest folder on the way that exists: the output will be on its file system. */
  readonly parent: string;
  readonly isThere: boolean;
}

/** The largest depth of an output below the root, in folders. */
export const MOST_DEPTH = 6;

/** The longest name on Linux, macOS and Windows. */
const MOST_NAME_BYTES = 255;

/** The longest path on Linux, minus room for the names of files in an output. */
const MOST_PATH_BYTES = 4096 - 512;

/**
 * Finds the place of an output under the output root, following links, and refuses what can be known to fail
 * beforehand.
 *
 * @param root the output root; created if it does not exist
 * @param kept what no output may touch, besides what the job reads
 * @throws PrunecastError INVALID_REQUEST, PATH_OUTSIDE_ROOTS, OUTPUT_PROTECTED, OUTPUT_NOT_WRITTEN
 */
export async function findPlace(
  root: string,
  { output, reads, isParted = false }: OutputTarget,
  kept: readonly KeptPath[],
): Promise<OutputPlace> {
  const target = resolve(root, output);
  checkName(root, target, output, { mostDepth: isParted ? MOST_DEPTH - 1 : MOST_DEPTH });
  await mkdir(root, { recursive: true });
  const isThere = await existsByName(target, output);
  const parent = await deepestExisting(dirname(target));
  const realRoot = await realpath(root);
  const realParent = await realpath(parent);
  const named = join(realParent, relative(parent, target));
  const real = isThere ? await realpath(target).catch(() => named) : named; // a link that leads nowhere counts as itself
  if (!isWithin(realRoot, realParent) || (isThere && !isWithin(realRoot, real))) throw outsideRoot(output);
  for (const { path, name } of [...reads, ...kept]) {
    if (isWithin(path, real)) throw isProtected(output, path === real ? `is ${name}` : `lies in ${name}`);
    if (isWithin(real, path)) throw isProtected(output, `holds ${name}`);
  }
  for (const folder of listUpTo(realRoot, realParent)) {
    if (await isModel(folder))
      throw isProtected(
        output,
        `lies in ${folder === realRoot ? 'the output root' : isEverything(root) ? folder : relative(realRoot, folder)}, which is a model`,
      );
  }
  if (!(await stat(parent)).isDirectory())
    throw PrunecastError.ofField('output', `"${output}" leads through ${parent}, which is a file: name another folder`);
  await access(parent, constants.W_OK | constants.X_OK);
  return { target, parent, isThere };
}

/**
 * Throws PATH_OUTSIDE_ROOTS if a folder leads out of the output root, or the deepest one on its way that exists does: a
 * link may have been put there since the place was found.
 */
export async function requireInside(root: string, folder: string, output: string): Promise<void> {
  const [realRoot, real] = await Promise.all([realpath(root), realpath(await deepestExisting(folder))]);
  if (!isWithin(realRoot, real)) throw outsideRoot(output);
}

/**
 * The folder of an earlier output, following links; `undefined` if there is none.
 *
 * @param field the output's path in the request
 * @throws PrunecastError INVALID_REQUEST, PATH_OUTSIDE_ROOTS
 */
export async function findEarlier(root: string, output: string, field: string): Promise<string | undefined> {
  const target = resolve(root, output);
  checkName(root, target, output, { field });
  try {
    const real = await realpath(target);
    if (!isWithin(await realpath(root), real)) throw outsideRoot(output, field);
    return real;
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES')) return undefined;
    throw error;
  }
}

/** Throws OUTPUT_PROTECTED unless there is an earlier output with nothing else in it, or an empty folder. */
export async function requireReplaceable(target: string, output: string): Promise<void> {
  const foreign = (await lstat(target)).isDirectory() ? await findForeign(target) : 'is a file or a link';
  if (foreign !== undefined) throw isProtected(output, foreign);
}

function checkName(
  root: string,
  target: string,
  output: string,
  { field = 'output', mostDepth = MOST_DEPTH }: { readonly field?: string; readonly mostDepth?: number },
): void {
  if (output === '') throw PrunecastError.ofField(field, 'is empty: name a folder relative to the output root');
  if (isEverything(root) && !isAbsolute(output))
    throw PrunecastError.ofField(
      field,
      `"${output}" is relative: name an absolute path, as all folders may be outputs`,
    );
  const parts = relative(root, target).split(sep);
  if (output.includes('\0') || parts[0] === '..' || target === resolve(root)) throw outsideRoot(output, field);
  if (parts.length > mostDepth && !isEverything(root))
    throw PrunecastError.ofField(
      field,
      `lies ${parts.length} folders deep: at most ${mostDepth} are allowed${mostDepth < MOST_DEPTH ? ', as each export has a folder in it' : ''}`,
    );
  const long = parts.find((part) => Buffer.byteLength(part) > MOST_NAME_BYTES);
  if (long !== undefined)
    throw PrunecastError.ofField(
      field,
      `has a name of ${Buffer.byteLength(long)} bytes, "${long.slice(0, 20)}...": at most ${MOST_NAME_BYTES} are allowed`,
    );
  if (Buffer.byteLength(target) > MOST_PATH_BYTES)
    throw PrunecastError.ofField(
      field,
      `gives a path of ${Buffer.byteLength(target)} bytes under the output root: at most ${MOST_PATH_BYTES} are allowed`,
    );
  if (parts.some(isWritingName))
    throw PrunecastError.ofField(field, `"${output}" has a name that is kept for unfinished outputs: choose another`);
}

async function existsByName(target: string, output: string): Promise<boolean> {
  try {
    return await exists(target);
  } catch (error) {
    if (isCode(error, 'ENAMETOOLONG'))
      throw PrunecastError.ofField(
        'output',
        `has a name that is longer than the file system of the output root takes: "${output.slice(0, 20)}..."`,
      );
    if (isCode(error, 'ELOOP'))
      throw PrunecastError.ofField('output', `"${output}" has links that lead in a circle: name another folder`);
    throw error;
  }
}

async function deepestExisting(path: string): Promise<string> {
  return (await exists(path)) ? path : deepestExisting(dirname(path));
}

/** A checkpoint, or an earlier output of any format. */
async function isModel(folder: string): Promise<boolean> {
  if (await exists(join(folder, MANIFEST_FILE))) return true;
  return (
    (await exists(join(folder, CONFIG_FILE))) &&
    ((await exists(join(folder, SINGLE_FILE))) || (await exists(join(folder, INDEX_FILE))))
  );
}

/** A folder and those that it lies in, up to the root. */
function listUpTo(root: string, folder: string): string[] {
  if (!isWithin(root, folder)) return [];
  return folder === dirname(folder) ? [folder] : [folder, ...listUpTo(root, dirname(folder))];
}

/** Whether a path is a folder or lies in it. */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

function outsideRoot(output: string, field = 'output'): PrunecastError {
  return PrunecastError.ofField(
    field,
    `"${output}" leads outside the output root: name a folder relative to it`,
    'PATH_OUTSIDE_ROOTS',
  );
}

function isProtected(output: string, why: string): PrunecastError {
  const description = `"${output}" ${why}, and \`overwrite\` does not replace that: name another folder`;
  return new PrunecastError('OUTPUT_PROTECTED', `output: ${description}`, {
    metadata: { output },
    violations: [{ field: 'output', description }],
  });
}
