import { readFile, stat } from 'node:fs/promises';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { resolveWithin } from '../config/resolve-within.js';
import { isChooser, type ResolvedPlugin } from '../plugins/plugin-registry.js';

/** The files that a predictor's options name, read whole; undefined for one that names none. */
export type ReadPluginFiles = (plugin: ResolvedPlugin<'predictor'>) => Promise<Readonly<Record<string, Uint8Array>> | undefined>;

/** A predictor is stored with its files: one blob of the database, and a copy in its thread. */
const MAX_FILE_BYTES = 32 * 2 ** 20;

/**
 * @param roots absolute folders that the files may lie under
 * @throws PrunecastError (from the returned function) REGRESSOR_INVALID where a file is not there or too large, PATH_OUTSIDE_ROOTS
 */
export function createPluginFileReader(roots: readonly string[]): ReadPluginFiles {
  return async ({ plugin, options }) => {
    const paths = isChooser(plugin) ? undefined : plugin.files?.(options);
    if (paths === undefined) return undefined;
    return Object.fromEntries(await Promise.all(Object.entries(paths).map(async ([name, path]) => [name, await readWithin(roots, path, `predictor.options.${name}`)] as const)));
  };
}

async function readWithin(roots: readonly string[], path: string, field: string): Promise<Uint8Array> {
  const file = await resolveWithin(roots, path, { field, missing: 'REGRESSOR_INVALID' });
  const status = await stat(file);
  if (!status.isFile()) throw PrunecastError.ofField(field, `"${path}" is not a file`, 'REGRESSOR_INVALID');
  if (status.size > MAX_FILE_BYTES) throw PrunecastError.ofField(field, `"${path}" has ${status.size} bytes; at most ${MAX_FILE_BYTES} are taken`, 'REGRESSOR_INVALID');
  return readFile(file);
}
