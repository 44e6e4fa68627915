import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { BroadcastChannel } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { PluginLine } from '../../core/ports/plugin-context.js';
import type { PluginHostAddress } from '../../core/ports/plugin.js';

/** What a server has for its plug-ins, wherever they run. */
export interface PluginHosting {
  readonly address: PluginHostAddress;
  /** Hears no more lines. */
  close(): void;
}

/** Writes the lines of plug-ins to the log, and has their cache folders in the state folder's `plugins`. */
export function hostPlugins(stateDirectory: string, log: Logger): PluginHosting {
  // Other servers of this process have channels of their own.
  const logChannel = `prunecast-plugins-${randomUUID()}`;
  const channel = new BroadcastChannel(logChannel);
  channel.unref();
  channel.onmessage = (event) => {
    const { kind, id, level, message, fields } = (event as { readonly data: PluginLine }).data;
    log[level]({ ...fields, plugin: `${kind} ${id}` }, message);
  };
  return {
    address: { logChannel, cacheDirectory: join(resolve(stateDirectory), 'plugins') },
    close: () => channel.close(),
  };
}
