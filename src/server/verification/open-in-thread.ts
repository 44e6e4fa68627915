import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { decodeError } from '../../engine/workers/message-errors.js';
import { startTaskThread, type TaskThread } from '../../engine/workers/task-thread.js';
import type { OpenedFacts, OpenMessage, OpenTask } from './open-messages.js';

/**
 * Has an exporter open an export in a thread of its own, which has ended when this settles, and compute the logits of
 * tokens if there are some.
 *
 * @throws PrunecastError PLUGIN_FAILED, PLUGIN_INVALID, what the exporter itself throws, or the signal's reason
 */
export async function openInThread(
  { plugin, moduleUrl }: PluginEntry<'exporter'>,
  directory: string,
  tokens: Int32Array | undefined,
  signal: AbortSignal,
): Promise<OpenedFacts> {
  const task: OpenTask = { address: addressPlugin(plugin, moduleUrl), directory, tokens };
  let thread: TaskThread<never> | undefined;
  try {
    const message = await new Promise<OpenMessage>((resolve, reject) => {
      thread = startTaskThread<OpenMessage>(new URL('./open-worker.js', import.meta.url), task, signal, {
        hear: resolve,
        failed: (cause) => reject(pluginFailed({ kind: 'exporter', id: plugin.id, method: 'open' }, cause)),
        aborted: () => reject(signal.reason as Error),
      });
    });
    if (message.kind === 'failed') throw decodeError(message.error);
    return message.facts;
  } finally {
    await thread?.end();
  }
}
