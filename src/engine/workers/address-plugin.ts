import type { Plugin, PluginAddress } from '../../core/ports/plugin-entry.js';
import { workerUrl } from './worker-url.js';

/** How a worker finds a plug-in again. */
export function addressPlugin<Listed extends Pick<Plugin, 'kind' | 'id' | 'version' | 'host'>>(
  { kind, id, version, host }: Listed,
  moduleUrl: URL,
): PluginAddress & { readonly kind: Listed['kind'] } {
  return { moduleUrl: workerUrl(moduleUrl).href, kind, id, version, host };
}
