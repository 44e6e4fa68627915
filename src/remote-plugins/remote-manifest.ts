import { PLUGIN_API_VERSION, type PluginManifest } from '../core/ports/plugin.js';
import type { PluginInfo } from '../gen/prunecast/plugin/v1/plugin.js';
import { readOptions } from './options.js';

/** What a plug-in of another process says about itself, whatever its kind. */
export type RemoteManifest = Omit<PluginManifest<unknown>, 'kind'>;

export function readManifest(
  { id, version, summary, overrides, optionsSchema }: PluginInfo,
  address: string,
): RemoteManifest {
  return {
    apiVersion: PLUGIN_API_VERSION,
    id,
    version,
    summary,
    ...(overrides && { overrides }),
    options: readOptions(optionsSchema),
    address,
  };
}
