import { PLUGIN_API_VERSION, type PluginManifest } from '../core/ports/plugin.js';
import type { PluginInfo } from '../gen/prunecast/plugin/v1/plugin.js';
import { kindOf } from './info.js';
import { readOptions } from './options.js';
import type { RemoteTarget } from './remote-target.js';

/** What a plug-in of another process says about itself, whatever its kind. */
export type RemoteManifest = Omit<PluginManifest<unknown>, 'kind'>;

export function readManifest(info: PluginInfo, { specifier }: Pick<RemoteTarget, 'specifier'>): RemoteManifest {
  const { id, version, summary, overrides } = info;
  return {
    apiVersion: PLUGIN_API_VERSION,
    id,
    version,
    summary,
    ...(overrides && { overrides }),
    options: checkOptions(info),
    address: specifier,
  };
}

function checkOptions(info: PluginInfo): RemoteManifest['options'] {
  try {
    return readOptions(info.optionsSchema);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new TypeError(
      `the options_schema of ${kindOf(info)} "${info.id}" is no JSON Schema that options can be checked by: ${words}`,
      { cause: error },
    );
  }
}
