import { openFileWithin, readOpened } from '../config/open-file-within.js';
import type { PathField } from '../config/resolve-within.js';
import { isChooser, type ResolvedPlugin } from '../requests/plugin-lookup.js';

/** The files that a predictor's options name, read completely; undefined if they name none. */
export type ReadPluginFiles = (
  plugin: ResolvedPlugin<'predictor'>,
) => Promise<Readonly<Record<string, Uint8Array>> | undefined>;

/**
 * The most bytes of a file: a predictor is stored with its files as one blob of the database, and has a copy in its
 * thread.
 */
export const MAX_FILE_BYTES = 32 * 2 ** 20;

/**
 * @param roots absolute folders that hold the files
 * @param links where symbolic links may lead
 * @param noteUse told each path before its file is read
 * @throws PrunecastError (from the returned function) REGRESSOR_INVALID if a file is missing or too large,
 * PATH_OUTSIDE_ROOTS
 */
export function createPluginFileReader(
  roots: readonly string[],
  links: PathField['links'] = 'within-roots',
  noteUse: (path: string) => Promise<void> = async () => undefined,
): ReadPluginFiles {
  return async ({ plugin, options }) => {
    const paths = isChooser(plugin) ? undefined : plugin.files?.(options);
    if (paths === undefined) return undefined;
    return Object.fromEntries(
      await Promise.all(
        Object.entries(paths).map(async ([name, path]) => {
          await noteUse(path);
          return [name, await readWithin(roots, path, `predictor.options.${name}`, links)] as const;
        }),
      ),
    );
  };
}

async function readWithin(
  roots: readonly string[],
  path: string,
  field: string,
  links: NonNullable<PathField['links']>,
): Promise<Uint8Array> {
  const opened = await openFileWithin(roots, path, {
    field,
    missing: 'REGRESSOR_INVALID',
    invalid: 'REGRESSOR_INVALID',
    maxBytes: MAX_FILE_BYTES,
    links,
  });
  try {
    return await readOpened(opened, field);
  } finally {
    await opened.handle.close();
  }
}
