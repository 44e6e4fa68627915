import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ContainerModule } from 'inversify';
import type { Logger } from 'pino';
import { PrunecastError } from '../core/errors/prunecast-error.js';
import { ServingState } from '../core/serving-state.js';
import type { PluginEntry } from '../core/ports/plugin-entry.js';
import type { Config } from './config/config.js';
import { listExposed } from './config/exposure.js';
import { composeServer, type ServerParts } from './compose.js';
import { startDashboard, type Dashboard, type DashboardSettings } from './dashboard/dashboard.js';
import { readPage } from './dashboard/page-files.js';
import type { JobRunner } from './jobs/create-jobs.js';
import { CANCEL_GRACE_MS, SWEEP_MS } from './config/limits.js';
import { repeatUntil } from './jobs/repeat-until.js';
import { createApiCalls } from './rpc/api-calls.js';
import { createRpcServer, type RpcServer } from './rpc/create-rpc-server.js';
import { openCertificates, type Certificates } from './tls/certificates.js';
import { TOKENS } from './tokens.js';

/** A server that listens. */
export interface RunningServer {
  /** The first address, as a client calls it: `127.0.0.1:50051`, `unix:/run/prunecast.sock`. */
  readonly address: string;
  /** All addresses, in the order of the configuration. */
  readonly addresses: readonly string[];
  /** Those of the settings for health alone. */
  readonly healthAddresses: readonly string[];
  /** What to open in a browser: `http://127.0.0.1:8080/`; undefined if no dashboard is configured. */
  readonly dashboard: string | undefined;
  /** Where metrics are scraped: `http://127.0.0.1:9464/metrics`; undefined if that is not configured. */
  readonly metrics: string | undefined;
  /** The socket for programs of the same user; undefined if none was asked for, or it cannot be made. */
  readonly privateAddress: string | undefined;
  /**
   * Stops it: health says NOT_SERVING, new work is refused, open streams end with SERVER_STOPPING and the number after
   * which they can be gone on with. Jobs get the configured grace to store their next result, and are left for the next
   * server to resume. May be called more than once.
   */
  stop(): Promise<void>;
}

/** What a program that embeds the server may add. */
export interface ServerAdditions {
  /** Plug-ins besides the built-in ones and those that the settings name. */
  readonly plugins?: readonly PluginEntry[];
  /** Default: a log on standard error. */
  readonly log?: Logger;
  /** A socket to listen on besides the configured addresses, without encryption: its file system may not have any. */
  readonly privateSocket?: string;
  /** Bind parts of the server to something of the program's own: its store, its clock, whatever `TOKENS` names. */
  readonly modules?: readonly ContainerModule[];
}

/**
 * Starts a server. Throws an Error that says what to change if a plug-in cannot be loaded, or it cannot open its state
 * or listen.
 */
export async function startServer(
  config: Config,
  { plugins = [], log: given, modules = [], privateSocket }: ServerAdditions = {},
): Promise<RunningServer> {
  const stopping = new AbortController();
  // One listener per open stream is not a leak.
  setMaxListeners(0, stopping.signal);
  const logModule = new ContainerModule(({ bind }) => {
    if (given !== undefined) bind(TOKENS.log).toConstantValue(given);
  });
  const parts = await composeServer({ config, stopping: stopping.signal, plugins, modules: [logModule, ...modules] });
  const { log, jobs } = parts;
  let certificates: Certificates | undefined;
  /** What listens, for a start that fails. */
  const listeners: { close(graceMs: number): Promise<void> }[] = [];
  try {
    const state = new ServingState();
    const settings = {
      log,
      state,
      stopping: stopping.signal,
      telemetry: parts.telemetry,
      tracer: parts.tracer,
      authenticator: parts.authenticator,
    };
    certificates = await openCertificates(config, log);
    const rpcServer = createRpcServer(parts.services, { config, certificates }, settings);
    listeners.push(rpcServer);
    const [addresses, healthAddresses] = await listenOnAll(rpcServer, config);
    const privateAddress = await listenPrivately(rpcServer, privateSocket, log);
    const dashboard = await openDashboard(config, {
      log,
      certificates,
      calls: createApiCalls(parts.services, settings),
    });
    if (dashboard !== undefined) listeners.push(dashboard);
    const metrics = await parts.listenForMetrics();
    if (metrics !== undefined) listeners.push(metrics);
    for (const { address, fault } of listExposed(config, parts.ownAuthenticator)) log.warn({ address }, fault);
    await recover(parts);
    state.enter('serving');
    repeatUntil(stopping.signal, {
      everyMs: SWEEP_MS,
      work: parts.sweepUnusedUploads,
      failed: (error) => log.warn({ err: error }, 'unused uploads were not deleted'),
    });
    repeatUntil(stopping.signal, {
      firstMs: 0,
      everyMs: SWEEP_MS,
      work: parts.pruneState,
      failed: (error) => log.warn({ err: error }, 'old jobs and labels were not removed'),
    });
    log.info(
      {
        addresses,
        health_addresses: healthAddresses,
        dashboard: dashboard?.url,
        metrics: metrics?.url,
        state_directory: config.stateDirectory,
      },
      'listening',
    );
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      log.info('stopping');
      const sinceMs = performance.now();
      state.enter('draining');
      // Whoever watches the health of the server gets to know before the streams end.
      await nextTurn();
      stopping.abort(
        new PrunecastError('SERVER_STOPPING', 'the server is shutting down: watch the job again after it is back'),
      );
      // It answers meanwhile that it is not serving, and refuses work. All have the same grace period, not one after the
      // other.
      await settle(jobs, config.shutdownGraceMs + CANCEL_GRACE_MS, log);
      const leftMs = Math.max(0, config.shutdownGraceMs - (performance.now() - sinceMs));
      await Promise.all([rpcServer.close(leftMs), dashboard?.close(leftMs)]);
      await metrics?.close();
      certificates?.close();
      await parts.close();
      log.info('stopped');
    };
    return {
      address: addresses[0] ?? '',
      addresses,
      healthAddresses,
      privateAddress,
      dashboard: dashboard?.url,
      metrics: metrics?.url,
      stop: () => (stopped ??= stop()),
    };
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close(0)));
    certificates?.close();
    await parts.close();
    throw error;
  }
}

/** Takes up what an earlier server has left. Callers wait meanwhile: health says NOT_SERVING. */
async function recover({ jobs, ...parts }: ServerParts): Promise<void> {
  await parts.outputs.sweep();
  await parts.pairSets.sweep();
  await jobs.recover();
  await parts.sweepScratch();
  await parts.sweepBrokenUploads();
  await parts.sweepUnusedUploads();
  await jobs.begin();
}

async function listenOnAll(
  server: RpcServer,
  { listen, healthListen }: Config,
): Promise<[api: string[], health: string[]]> {
  const addresses: string[] = [];
  const health: string[] = [];
  for (const address of listen) addresses.push(await server.listen(address));
  for (const address of healthListen) health.push(await server.listenForHealth(address));
  return [addresses, health];
}

async function openDashboard(
  config: Config,
  settings: Pick<DashboardSettings, 'calls' | 'certificates' | 'log'>,
): Promise<Dashboard | undefined> {
  if (config.dashboard === undefined) return undefined;
  return startDashboard(config.dashboard, { ...settings, config, page: readPage() });
}

async function listenPrivately(
  server: RpcServer,
  socket: string | undefined,
  log: Logger,
): Promise<string | undefined> {
  if (socket === undefined) return undefined;
  try {
    return await server.listenPrivately(`unix:${socket}`);
  } catch (error) {
    log.warn({ err: error }, 'commands without --address will not find this server');
    return undefined;
  }
}

/** Waits until the jobs have settled. A run that does not end in time is left behind, and its writes fail. */
async function settle(jobs: JobRunner, graceMs: number, log: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), graceMs);
  });
  const settled = jobs.settled().catch((error: unknown) => log.warn({ err: error }, 'jobs did not settle cleanly'));
  if ((await Promise.race([settled, late])) === 'late') log.warn('a job did not end in time');
  clearTimeout(timer);
}
