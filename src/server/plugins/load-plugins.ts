import { writeSync } from 'node:fs';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { orAborted } from '../../core/or-aborted.js';
import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { importPlugins } from '../../plugin-host/import-plugins.js';
import { parseRemoteSpecifier } from './remote/parse-specifier.js';
import type { RemoteHost } from './remote/remote-host.js';
import { resolveSpecifiers } from './resolve-specifiers.js';
import { watchLoading } from './watch-loading.js';

/** Where the plug-ins of a server come from. */
export interface PluginSource {
  /** All of them; called once, when the server starts. An error keeps it from starting. */
  load(): Promise<readonly PluginEntry[]>;
  /** Ends what it has started; called once, after the last call of a plug-in, also if `load` has failed. */
  close?(): Promise<void>;
}

export interface PluginLoading {
  /** Where relative paths and the search for packages start; never taken from a request. */
  readonly folder: string;
  /** How long a module may take; it may wait at its top level for something that never comes, or loop. */
  readonly limitMs: number;
  /** Attaches and launches the processes that specifiers name. */
  readonly remote: RemoteHost;
}

/**
 * The plug-ins that a server's settings name. Workers load them by the same URLs.
 *
 * @param specifiers `./knn.js`, `/opt/plugins/knn.js`, the name of an installed package, or a process of its own:
 * `unix:/run/knn.sock`, `grpc://host:50061`, `grpcs://host:50061`, `exec:python knn.py`
 * @throws PrunecastError PLUGIN_INVALID with the specifier and the cause if one cannot be found, loaded or used
 */
export async function loadPlugins(
  specifiers: readonly string[],
  { folder, limitMs, remote }: PluginLoading,
): Promise<PluginEntry[]> {
  const entries: PluginEntry[] = [];
  const loaded = new Set<string>();
  const distinct = [...new Set(specifiers)];
  const modules = await resolveSpecifiers(
    distinct.filter((specifier) => parseRemoteSpecifier(specifier, folder) === undefined),
    folder,
  );
  for (const specifier of distinct) {
    const place = `the plug-in "${specifier}"`;
    const target = parseRemoteSpecifier(specifier, folder);
    const moduleUrl =
      target === undefined
        ? modules.find((module) => module.specifier === specifier)?.moduleUrl
        : await remote.open(target, place);
    if (moduleUrl === undefined || loaded.has(moduleUrl.href)) continue; // named twice
    loaded.add(moduleUrl.href);
    const plugins = await within(limitMs, place, importPlugins(moduleUrl.href, place));
    for (const plugin of plugins) entries.push({ plugin, moduleUrl });
  }
  return entries;
}

async function within<Result>(limitMs: number, place: string, loading: Promise<Result>): Promise<Result> {
  const limit = new AbortController();
  const late = `${place} was not loaded within ${limitMs / 1000} s (the setting pluginStartMs)`;
  const reason = new PrunecastError('PLUGIN_INVALID', late);
  const endWatch = watchLoading(limitMs, `${late}: it computes without end at its top level`);
  const timer = setTimeout(() => limit.abort(reason), limitMs);
  // A module may end the process itself: nothing else would say where it went.
  const tellEnd = (): void => void writeSync(2, `the process was ended while ${place} was loaded\n`);
  process.once('exit', tellEnd);
  try {
    return await orAborted(loading, limit.signal);
  } finally {
    clearTimeout(timer);
    endWatch();
    process.off('exit', tellEnd);
  }
}
