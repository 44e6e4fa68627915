import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import { PrunecastError } from '../core/errors/prunecast-error.js';
import { BUILTIN_PLUGINS } from '../plugins/builtin.js';
import type { PluginEntry } from '../plugins/plugin-entry.js';
import type { Config } from './config/config.js';
import { createLog } from './config/create-log.js';
import { composeServer, type ServerParts } from './container/compose-server.js';
import { createRpcServer, type RpcServer } from './rpc/create-rpc-server.js';
import type { RpcService } from './rpc/rpc-service.js';
import { openDatabase } from './store/open-database.js';
import { VERSION } from './version.js';

/** A server that listens. */
export interface RunningServer {
  /** The first address, as a client calls it: `127.0.0.1:50051`, `unix:/run/prunecast.sock`. */
  readonly address: string;
  /** All addresses, in the order of the configuration. */
  readonly addresses: readonly string[];
  /**
   * Stops it: open streams end with SERVER_STOPPING, other calls get the configured grace, unfinished jobs stay so for the
   * next server to go on with. May be called more than once.
   */
  stop(): Promise<void>;
}

/** What a program that embeds the server may add. */
export interface ServerAdditions {
  /** Plug-ins besides the built-in ones. */
  readonly plugins?: readonly PluginEntry[];
  /** Handlers besides, or in place of, the built-in ones. */
  readonly services?: (parts: ServerParts) => readonly RpcService[];
  /** Default: a log on standard error. */
  readonly log?: Logger;
}

/** Starts a server. Throws an Error that says what to change when it cannot open its state or listen. */
export async function startServer(config: Config, { plugins = [], services, log = createLog(config) }: ServerAdditions = {}): Promise<RunningServer> {
  const stopping = new AbortController();
  // One listener for each open stream is no leak.
  setMaxListeners(0, stopping.signal);
  const { database, close } = await openDatabase(config.stateDirectory);
  try {
    const parts = composeServer({ config, log, stopping: stopping.signal, database, plugins: [...BUILTIN_PLUGINS.map((entry) => ({ ...entry, version: VERSION })), ...plugins] });
    await parts.outputs.sweep();
    await parts.jobs.recover();
    const rpcServer = await createRpcServer([...parts.services, ...(services?.(parts) ?? [])], config, { log, stopping: stopping.signal });
    const addresses = await listenOnAll(rpcServer, config.listen);
    await parts.jobs.goOn();
    log.info({ addresses, state_directory: config.stateDirectory }, 'listening');
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      log.info('stopping');
      stopping.abort(new PrunecastError('SERVER_STOPPING', 'the server is shutting down: watch the job again after it is back'));
      await rpcServer.close(config.shutdownGraceMs);
      await settle(parts, config.shutdownGraceMs, log);
      await close();
      log.info('stopped');
    };
    return { address: addresses[0] ?? '', addresses, stop: () => (stopped ??= stop()) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listenOnAll(server: RpcServer, listen: readonly string[]): Promise<string[]> {
  const addresses = [];
  try {
    for (const address of listen) addresses.push(await server.listen(address));
    return addresses;
  } catch (error) {
    await server.close(0);
    throw error;
  }
}

/** Lets runs end and closes what they used; a run that does not end in time is left behind, and its writes fail. */
async function settle({ jobs, closings }: ServerParts, graceMs: number, log: Logger): Promise<void> {
  const timer = new AbortController();
  const late = new Promise<'late'>((resolve) => {
    const timeout = setTimeout(() => resolve('late'), graceMs);
    timer.signal.addEventListener('abort', () => clearTimeout(timeout));
  });
  const settled = jobs.settled().catch((error: unknown) => log.warn({ err: error }, 'jobs did not settle cleanly'));
  const outcome = await Promise.race([settled, late]);
  timer.abort();
  if (outcome === 'late') log.warn('a job did not end in time');
  const closed = await Promise.allSettled(closings.map((closing) => closing()));
  for (const result of closed) if (result.status === 'rejected') log.warn({ err: result.reason as unknown }, 'not closed cleanly');
}
