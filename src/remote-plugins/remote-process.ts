import { setTimeout as pause } from 'node:timers/promises';
import { status, type MethodDefinition } from '@grpc/grpc-js';
import { orAborted } from '../core/or-aborted.js';
import { pluginFailed, pluginInvalid, type PluginCall } from '../core/ports/plugin-errors.js';
import { GetInfoResponse } from '../gen/prunecast/plugin/v1/plugin.js';
import { createCallSlots } from './call-slots.js';
import { openChannel, type Channel, type ExchangeOptions } from './channel.js';
import { askInfo, describeOffer } from './info.js';
import { fromStatus, isTemporary } from './remote-errors.js';
import type { RemoteTarget } from './remote-target.js';

/** The process of plug-ins as this thread calls it. */
export interface RemoteProcess {
  readonly target: RemoteTarget;
  readonly channel: Channel;
  /**
   * Does a work of calls while fewer run than the process takes at once. If the process dies or asks for it, the work is
   * done again from its beginning, after a pause that doubles.
   *
   * @throws PrunecastError INVALID_OPTIONS, PLUGIN_FAILED or PLUGIN_INVALID that names the plug-in, the method and the
   * address, or what the work itself throws
   */
  run<Result>(call: PluginCall, work: () => Promise<Result>, options?: RunOptions): Promise<Result>;
  /** The one answer of a method to these requests. Throws ServiceError, and PLUGIN_INVALID for none or several. */
  askOnce<Request, Response>(
    call: PluginCall,
    method: MethodDefinition<Request, Response>,
    requests: Iterable<Request>,
    options: ExchangeOptions,
  ): Promise<Response>;
}

export interface RunOptions {
  /** Whether it counts among the calls of which the process takes so many at once. @default 'counted' */
  readonly place?: 'counted' | 'free';
  readonly signal?: AbortSignal;
}

const FIRST_PAUSE_MS = 50;
const MOST_PAUSE_MS = 5000;

export function openRemoteProcess(target: RemoteTarget): RemoteProcess {
  const { address, limits } = target;
  const channel = openChannel(target);
  const slots = createCallSlots(target.slots);
  let known: Promise<void> | undefined;

  /** Once with each connection: what answers there must be what the server was started with. */
  const requireSame = async (call: PluginCall): Promise<void> => {
    const found = describeOffer(await askInfo(channel, { limitMs: limits.startMs, waits: true }));
    const wanted = describeOffer(GetInfoResponse.decode(target.info));
    if (found === wanted) return;
    throw pluginInvalid(
      call,
      `cannot be called: the process at ${address} changed while the server ran. It offered ${wanted}, and now ${found}; start the server again`,
    );
  };

  return {
    target,
    channel,
    run: async (call, work, { place = 'counted', signal } = {}) => {
      for (let retries = 0; ; retries++) {
        signal?.throwIfAborted();
        const release = place === 'counted' ? await slots.take(signal) : () => undefined;
        try {
          known ??= requireSame(call);
          await (signal === undefined ? known : orAborted(known, signal));
          return await work();
        } catch (error) {
          signal?.throwIfAborted();
          known = undefined;
          if (!isTemporary(error)) throw fromStatus(error, call, address);
          if (retries >= limits.retries)
            throw pluginFailed(
              call,
              `${error.details} (${status[error.code]}, ${address}), and so did the call before it, ${retries} times`,
            );
        } finally {
          release();
        }
        await pause(Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** retries), undefined, signal && { signal }).catch(() =>
          signal?.throwIfAborted(),
        );
      }
    },
    askOnce: async (call, method, requests, options) => {
      const answers = [];
      for await (const response of channel.exchange(method, requests, options)) {
        if (answers.push(response) > 1) throw pluginInvalid(call, `answered more than once (${address})`);
      }
      for (const answer of answers) return answer;
      throw pluginInvalid(call, `ended without an answer (${address})`);
    },
  };
}
