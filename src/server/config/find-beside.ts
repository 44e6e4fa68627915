import { readdir, realpath } from 'node:fs/promises';
import { isAbsolute, join, normalize, parse, resolve, sep } from 'node:path';
import { findNearest } from '../../core/errors/nearest.js';

/**
 * The path that was most likely meant by one that no root has: the same up to the first part that does not exist, and
 * there the nearest name, which for a model is a folder's. Hidden files are not proposed. Undefined if none is near.
 *
 * @param mayRead whether a folder may be looked into, by its real path
 */
export async function findBeside(
  roots: readonly string[],
  path: string,
  { wants, mayRead }: { readonly wants: 'folder' | 'anything'; readonly mayRead: (real: string) => Promise<boolean> },
): Promise<string | undefined> {
  const parts = normalize(path)
    .split(sep)
    .filter((part) => part !== '' && part !== '.');
  const top = isAbsolute(path) ? parse(path).root : '';
  for (const root of roots) {
    for (let depth = parts.length - 1; depth >= 0; depth -= 1) {
      const above = parts.slice(0, depth);
      const folder = await realpath(resolve(root, top, ...above)).catch(() => undefined);
      if (folder === undefined) continue;
      if (!(await mayRead(folder))) break;
      const isFolder = wants === 'folder' || depth < parts.length - 1;
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []); // may not be read: nothing to tell
      const names = entries
        .filter((entry) => !entry.name.startsWith('.') && (!isFolder || entry.isDirectory() || entry.isSymbolicLink()))
        .map(({ name }) => name);
      const nearest = findNearest(parts[depth] ?? '', names);
      if (nearest !== undefined) return join(top, ...above, nearest);
      break;
    }
  }
  return undefined;
}
