import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PluginEntry } from '../../src/core/ports/plugin-entry.js';
import { importPlugins } from '../../src/plugin-host/import-plugins.js';

/** The plug-in of a file of `test/fixtures/`, as a server takes it. */
export async function loadFixturePlugin(file: string): Promise<PluginEntry> {
  const moduleUrl = new URL(`../fixtures/${file}`, import.meta.url);
  const [plugin] = await importPlugins(moduleUrl.href);
  if (plugin === undefined) throw new Error(`${file} holds no plug-in`);
  return { plugin, moduleUrl };
}

/** Writes a plug-in's module outside the repository: `body` with everything of `prunecast/plugin` in scope as `plugin`. */
export function writePlugin(file: string, body: string): URL {
  const entry = pathToFileURL(resolve(import.meta.dirname, '../../dist/src/plugins/index.js')).href;
  writeFileSync(file, `import * as plugin from '${entry}';\n${body}`);
  return pathToFileURL(file);
}
