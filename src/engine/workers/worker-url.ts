import { fileURLToPath, pathToFileURL } from 'node:url';
import { sep } from 'node:path';

/**
 * The compiled form of a module of this project, for a worker thread. Threads do not share the loader that lets a test
 * run the TypeScript sources, so a module under `src/` is replaced by its build under `dist/src/`.
 *
 * @param moduleUrl the module's URL, as `new URL('./x.js', import.meta.url)` gives it
 */
export function workerUrl(moduleUrl: URL): URL {
  const path = fileURLToPath(moduleUrl);
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const source = `${root}src${sep}`;
  return path.startsWith(source) ? pathToFileURL(`${root}dist${sep}${path.slice(root.length)}`) : moduleUrl;
}
