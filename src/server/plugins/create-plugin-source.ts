import type { Logger } from 'pino';
import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { BUILTIN_PLUGINS } from '../../plugins/builtin/list.js';
import type { Config } from '../config/config.js';
import { loadPlugins, type PluginSource } from './load-plugins.js';
import { createRemoteHost } from './remote/remote-host.js';

/** The built-in plug-ins, those that the settings name, and those of a program that embeds the server. */
export function createPluginSource(config: Config, given: readonly PluginEntry[], log: Logger): PluginSource {
  const folder = process.cwd();
  const remote = createRemoteHost({
    limits: {
      callMs: config.pluginCallMs,
      workMs: config.pluginWorkMs,
      startMs: config.pluginStartMs,
      retries: config.pluginRetries,
    },
    authoritiesFile: config.pluginAuthorities,
    folder,
    log,
  });
  return {
    load: async () => {
      const named = await loadPlugins(config.plugins, { folder, limitMs: config.pluginStartMs, remote });
      if (named.length > 0)
        log.info({ plugins: named.map(({ plugin: { kind, id } }) => `${kind} ${id}`) }, 'loaded plug-ins');
      return [...BUILTIN_PLUGINS, ...named, ...given];
    },
    close: () => remote.close(),
  };
}
