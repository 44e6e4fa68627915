import { dirname, resolve } from 'node:path';

/**
 * Whether a root is that of the file system: outputs may be anywhere, at any depth, and leftovers of earlier servers are
 * only looked for where an output is written again.
 */
export function isEverything(root: string): boolean {
  return dirname(resolve(root)) === resolve(root);
}
