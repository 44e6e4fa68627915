import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BroadcastChannel } from 'node:worker_threads';
import type { PluginContext, PluginLine, PluginLog, PluginLogLevel } from '../../core/ports/plugin-context.js';
import type { Plugin } from '../../core/ports/plugin-entry.js';
import type { PluginHostAddress } from '../../core/ports/plugin.js';
import type { WorkContext } from '../../core/ports/work-context.js';

/** What the contexts of plug-ins lead to. */
export interface PluginHost {
  readonly write: WriteLine;
  readonly cacheDirectory: string;
}

/** Takes a line to the server's log. */
export type WriteLine = (line: PluginLine) => void;

/** Makes the context of a call of what work its caller gives. */
export type MakeContext = (work?: WorkContext) => PluginContext;

/**
 * What makes the contexts of a plug-in.
 *
 * @param host undefined without a server, such as in a test: lines are dropped, the cache folder is a new temporary one
 */
export function contextsOf({ kind, id }: Pick<Plugin, 'kind' | 'id'>, host: PluginHost | undefined): MakeContext {
  const at =
    (level: PluginLogLevel): PluginLog[PluginLogLevel] =>
    (message, fields = {}) =>
      host?.write({ kind, id, level, message, fields });
  const log: PluginLog = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  let folder: string | undefined;
  const cacheFolder = (): string => {
    folder ??=
      host === undefined ? mkdtempSync(join(tmpdir(), 'prunecast-')) : join(host.cacheDirectory, `${kind}-${id}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  };
  return (work = { signal: new AbortController().signal }) => ({ ...work, log, cacheFolder });
}

/**
 * The host at an address.
 *
 * @param write in a process that the channel does not reach
 */
export function openHost(
  address: PluginHostAddress | undefined,
  write: WriteLine = (line) => broadcastLine(address, line),
): PluginHost | undefined {
  return address === undefined ? undefined : { write, cacheDirectory: address.cacheDirectory };
}

/** Takes a line to the server from any thread of its process. A thread may end right after: the line is on its way. */
export function broadcastLine(address: PluginHostAddress | undefined, line: PluginLine): void {
  if (address === undefined) return;
  const channel = new BroadcastChannel(address.logChannel);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel of Node has no origins
  channel.postMessage(line);
  channel.close();
}
