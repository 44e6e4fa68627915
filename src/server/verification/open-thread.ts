import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { type CallThread, startCallThread } from '../../engine/workers/call-thread.js';
import { startGatedWorker } from '../../engine/workers/gated-worker.js';
import { workerUrl } from '../../engine/workers/worker-url.js';
import type { OpenedCalls, OpenThreadData } from './open-messages.js';

/** An export that its exporter opens in a thread of its own; the caller must close it. */
export type OpenThread = CallThread<OpenedCalls>;

/** Calls throw PLUGIN_FAILED, PLUGIN_INVALID, and what the exporter itself throws. */
export function startOpenThread({ plugin, moduleUrl }: PluginEntry<'exporter'>, directory: string): OpenThread {
  const threadData: Omit<OpenThreadData, 'gate'> = { address: addressPlugin(plugin, moduleUrl), directory };
  return startCallThread<OpenedCalls>({
    begin: () => startGatedWorker(workerUrl(new URL('./open-worker.js', import.meta.url)), threadData),
    failed: (cause, { name }) =>
      pluginFailed({ kind: 'exporter', id: plugin.id, method: name }, cause ?? 'its thread ended by itself'),
    closed: () => new PrunecastError('SERVER_STOPPING', 'the output was closed'),
  });
}
