import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { workerUrl } from '../../../engine/workers/worker-url.js';
import { GetInfoResponse } from '../../../gen/prunecast/plugin/v1/plugin.js';
import { allotSlots } from '../../../remote-plugins/call-slots.js';
import { kindOf, PROTOCOL_VERSION } from '../../../remote-plugins/info.js';
import { shareTarget, type RemoteLimits } from '../../../remote-plugins/remote-target.js';
import { isLocal } from '../../config/is-local.js';
import { describeProtocol } from './start-process.js';
import { launchPlugin, type LaunchedPlugin, type LaunchPace } from './launched-plugin.js';
import { nameRemote, type RemoteSpecifier } from './parse-specifier.js';
import { reachPlugin, type Reaching } from './reach-plugin.js';

/** The processes of plug-ins that a server has. */
export interface RemoteHost {
  /**
   * Attaches or launches a process. Returns the URL of a module whose default export are its plug-ins, in this thread
   * and in those that are started later.
   *
   * @throws PrunecastError PLUGIN_INVALID with the place and the cause
   */
  open(specifier: RemoteSpecifier, place: string): Promise<URL>;
  /** Ends the processes that were launched. */
  close(): Promise<void>;
}

export interface RemoteHosting {
  readonly limits: RemoteLimits;
  /** PEM file of the authorities that certificates may come from. */
  readonly authoritiesFile: string | undefined;
  /** The working folder of commands. */
  readonly folder: string;
  readonly log: Logger;
  readonly pace?: LaunchPace;
}

const MOST_CALLS_AT_ONCE = 1024;

export function createRemoteHost({ limits, authoritiesFile, folder, log, pace }: RemoteHosting): RemoteHost {
  const launched: LaunchedPlugin[] = [];

  const launch = async (command: string): Promise<string> => {
    const plugin = await launchPlugin({ command, folder, startMs: limits.startMs, log, ...(pace && { pace }) });
    launched.push(plugin);
    return plugin.address;
  };

  const share = async (address: string, specifier: string): Promise<URL> => {
    if (address.startsWith('grpc://') && !isLocal(address.slice('grpc://'.length)))
      log.warn({ address }, 'nothing is encrypted on the way to this plug-in: let it use TLS, and name it by grpcs://');
    const authorities = authoritiesFile === undefined ? undefined : await readFile(authoritiesFile, 'utf8');
    const info = await readInfo({ address, authorities, limitMs: limits.startMs, log });
    shareTarget({
      address,
      specifier,
      authorities,
      limits,
      info: GetInfoResponse.encode(info).finish(),
      slots: allotSlots(info.concurrentCalls),
    });
    const module = workerUrl(new URL('../../../remote-plugins/remote-plugins.js', import.meta.url));
    return new URL(`?address=${encodeURIComponent(address)}`, module);
  };

  return {
    open: async (specifier, place) => {
      try {
        const address = specifier.kind === 'attach' ? specifier.address : await launch(specifier.command);
        return await share(address, nameRemote(specifier));
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error);
        throw new PrunecastError('PLUGIN_INVALID', `${place} cannot be used: ${words}`, { cause: error });
      }
    },
    close: async () => {
      await Promise.all(launched.splice(0).map((plugin) => plugin.close()));
    },
  };
}

/** @throws Error if it cannot be reached, is of another version of the protocol, or offers what no process may */
async function readInfo(reaching: Reaching): Promise<GetInfoResponse> {
  const info = await reachPlugin(reaching);
  const { protocolVersion, concurrentCalls, plugins } = info;
  if (protocolVersion !== PROTOCOL_VERSION) throw new Error(describeProtocol(protocolVersion));
  if (concurrentCalls < 0 || concurrentCalls > MOST_CALLS_AT_ONCE)
    throw new Error(`its concurrent_calls are ${concurrentCalls}; 0 to ${MOST_CALLS_AT_ONCE} are allowed`);
  if (plugins.length === 0) throw new Error('it offers no plug-in: GetInfoResponse.plugins is empty');
  const names = plugins.map((plugin) => `${kindOf(plugin)} "${plugin.id}"`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`it offers ${twice} twice: give each an id of its own within its kind`);
  return info;
}
