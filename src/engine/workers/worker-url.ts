import { sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * The compiled form of a module of this project, for a worker thread. Threads do not inherit the loader that lets a
 * test run the TypeScript sources, so when running from sources, a module under `src/` is replaced by its build under
 * `dist/src/`.
 *
 * @param moduleUrl the module's URL, as `new URL('./x.js', import.meta.url)` returns it
 */
export function workerUrl(moduleUrl: URL): URL {
  if (!import.meta.filename.endsWith('.ts')) return moduleUrl;
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const path = fileURLToPath(moduleUrl);
  return path.startsWith(`${root}src${sep}`) ? pathToFileURL(`${root}dist${sep}${path.slice(root.length)}`) : moduleUrl;
}
