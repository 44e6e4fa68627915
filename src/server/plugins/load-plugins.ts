import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { orAborted } from '../../core/or-aborted.js';
import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { importPlugins } from '../../plugin-host/import-plugins.js';
import { resolveSpecifiers } from './resolve-specifiers.js';

/** Where the plug-ins of a server come from. */
export interface PluginSource {
  /** All of them; called once, when the server starts. An error keeps it from starting. */
  load(): Promise<readonly PluginEntry[]>;
}

export interface PluginLoading {
  /** Where relative paths and the search for packages start; never taken from a request. */
  readonly folder: string;
  /** How long a module may take; it may wait for something at its top level that never comes. @default 30,000 */
  readonly limitMs?: number;
}

/**
 * The plug-ins that a server's settings name. Workers load them by the same URLs.
 *
 * @param specifiers `./knn.js`, `/opt/plugins/knn.js` or the name of an installed package
 * @throws PrunecastError PLUGIN_INVALID with the specifier and the cause if one cannot be found, loaded or used
 */
export async function loadPlugins(
  specifiers: readonly string[],
  { folder, limitMs = 30_000 }: PluginLoading,
): Promise<PluginEntry[]> {
  const entries: PluginEntry[] = [];
  const loaded = new Set<string>();
  for (const { specifier, moduleUrl } of await resolveSpecifiers(specifiers, folder)) {
    if (loaded.has(moduleUrl.href)) continue; // named twice
    loaded.add(moduleUrl.href);
    const place = `the plug-in "${specifier}"`;
    const plugins = await within(limitMs, place, importPlugins(moduleUrl.href, place));
    for (const plugin of plugins) entries.push({ plugin, moduleUrl });
  }
  return entries;
}

async function within<Result>(limitMs: number, place: string, loading: Promise<Result>): Promise<Result> {
  const limit = new AbortController();
  const reason = new PrunecastError('PLUGIN_INVALID', `${place} was not loaded within ${limitMs / 1000} s`);
  const timer = setTimeout(() => limit.abort(reason), limitMs);
  try {
    return await orAborted(loading, limit.signal);
  } finally {
    clearTimeout(timer);
  }
}
