import { join } from 'node:path';
import { Container, type ContainerModule } from 'inversify';
import type { Logger } from 'pino';
import { PrunecastError } from '../core/errors/prunecast-error.js';
import type { OutputFolders } from '../core/ports/outputs.js';
import type { Authenticator } from '../core/ports/authenticator.js';
import type { Clock } from '../core/ports/clock.js';
import { NO_TELEMETRY, type Telemetry } from '../core/ports/telemetry.js';
import { NO_TRACER, type Tracer } from '../core/ports/tracer.js';
import type { PluginEntry } from '../core/ports/plugin-entry.js';
import { createDiskRoom } from './adapters/files/disk-room.js';
import { createLatencyTableFiles } from './adapters/files/latency-table-files.js';
import { createOutputFolders } from './adapters/files/output-folder.js';
import { createReserve } from './adapters/files/reserve.js';
import { createScoreCache } from './adapters/files/score-cache.js';
import { createJobQueue } from './adapters/in-process-queue/job-queue.js';
import { createLabelQueue } from './adapters/in-process-queue/label-queue.js';
import type { PrometheusMetrics } from './adapters/prometheus/metrics.js';
import type { MetricsListener } from './adapters/prometheus/serve-metrics.js';
import { openDatabase } from './adapters/sqlite/open-database.js';
import { pruneMeanwhile, type PruneLimits } from './adapters/sqlite/prune-database.js';
import { createSqliteStore } from './adapters/sqlite/sqlite-store.js';
import { createSteadyStore } from './adapters/sqlite/steady-store.js';
import { openAuthentication, type FileAuthenticator } from './authentication/authenticate.js';
import { bindServices } from './bind-services.js';
import type { Config } from './config/config.js';
import { refuseExposed } from './config/exposure.js';
import { createLog } from './config/create-log.js';
import { describeRefusal } from './config/describe-refusal.js';
import { DAY_MS, OUTPUT_LEASE_MS, SWEEP_MS } from './config/limits.js';
import { VERSION } from './config/version.js';
import type { JobRunner } from './jobs/create-jobs.js';
import { createLeaseOwner } from './jobs/lease-owner.js';
import { guardTelemetry } from './guard-telemetry.js';
import { evaluatorLabeller } from './labels/label-task.js';
import { PARTS } from './parts.js';
import { createPluginSource } from './plugins/create-plugin-source.js';
import { scratchDirectoryOf } from './models/open-models.js';
import { sweepCheckpoints } from './pruning/observe-checkpoints.js';
import { sweepTrainings } from './pruning/training-folders.js';
import { hostPlugins } from './plugins/host-plugins.js';
import { PluginRegistry } from './plugins/plugin-registry.js';
import { provide } from './provide.js';
import type { PairSetRecords } from './records/pair-set-records.js';
import { limitCalls } from './rpc/limit-calls.js';
import type { RpcService } from './rpc/rpc-service.js';
import { TOKENS } from './tokens.js';
import { deleteUnused, retentionMsOf } from './transfers/uploads.js';

/** What must be there before a server can be composed. */
export interface Foundations {
  readonly config: Config;
  /** Fires when the server stops. */
  readonly stopping: AbortSignal;
  /**
   * Plug-ins besides the built-in ones and those that the settings name; not looked at if a module binds the source of
   * plug-ins.
   */
  readonly plugins: readonly PluginEntry[];
  /** Take the place of defaults. */
  readonly modules: readonly ContainerModule[];
}

/** A composed server, as far as starting and stopping it needs its parts. */
export interface ServerParts {
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly tracer: Tracer;
  readonly authenticator: Authenticator;
  /** Whether the embedding program decides who may call. */
  readonly ownAuthenticator: boolean;
  readonly jobs: JobRunner;
  readonly outputs: OutputFolders;
  readonly pairSets: PairSetRecords;
  /** Removes what an earlier server has left in the scratch folder and nothing goes on with. */
  sweepScratch(): Promise<void>;
  /** Removes what broken uploads left. To be called before any upload. */
  sweepBrokenUploads(): Promise<void>;
  /** Deletes the uploads that nobody has used for as long as the settings keep them. */
  sweepUnusedUploads(): Promise<void>;
  /** Removes the old jobs and labels that the settings do not keep, if they say so. */
  pruneState(): Promise<void>;
  /** Those that a module has bound come before the built-in ones. */
  readonly services: readonly RpcService[];
  /**
   * Serves metrics at the address of the settings; `undefined` if they name none. Throws an Error that says what to
   * change if it cannot listen there.
   */
  listenForMetrics(): Promise<MetricsListener | undefined>;
  /** Closes what the server has opened itself; to be called once all jobs have settled. */
  close(): Promise<void>;
}

/**
 * Composes a server: what the modules bind, the adapters that are the defaults of the rest, and all that is made of
 * these. The one place that knows adapters.
 */
export async function composeServer({ config, stopping, plugins, modules }: Foundations): Promise<ServerParts> {
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(TOKENS.config).toConstantValue(config);
  container.bind(PARTS.stopping).toConstantValue(stopping);
  await container.loadAsync(...modules);
  const ownAuthenticator = container.isBound(TOKENS.authenticator);
  refuseExposed(config, ownAuthenticator);
  const metrics = config.metricsListen === undefined ? undefined : await openMetrics();
  if (!container.isBound(TOKENS.tracer)) container.bind(TOKENS.tracer).toConstantValue(await openTracer());
  bindDefaults(container, plugins, metrics);
  const source = container.get(TOKENS.pluginSource);
  const hosting = hostPlugins(config.stateDirectory, container.get(TOKENS.log));
  let store: OwnStore | undefined;
  let authentication: FileAuthenticator | undefined;
  try {
    if (!ownAuthenticator) {
      authentication = await openAuthentication(config, container.get(TOKENS.log));
      container.bind(TOKENS.authenticator).toConstantValue(authentication);
    }
    const entries = await source.load();
    store = container.isBound(TOKENS.store) ? undefined : await openStore(container, stopping);
    const opened = store;
    container.bind(PARTS.plugins).toConstantValue(new PluginRegistry(entries, hosting.address));
    bindServices(container);
    return {
      log: container.get(TOKENS.log),
      telemetry: container.get(PARTS.telemetry),
      tracer: container.get(TOKENS.tracer),
      authenticator: container.get(TOKENS.authenticator),
      ownAuthenticator,
      jobs: container.get(PARTS.jobs),
      outputs: container.get(TOKENS.outputs),
      pairSets: container.get(PARTS.pairSetRecords),
      sweepScratch: async () => {
        const scratchDirectory = scratchDirectoryOf(config.stateDirectory);
        await sweepTrainings(scratchDirectory, container.get(TOKENS.store).jobs);
        await sweepCheckpoints(scratchDirectory);
      },
      sweepBrokenUploads: () => container.get(PARTS.uploads).removeBroken(),
      sweepUnusedUploads: async () => {
        const uploads = container.get(PARTS.uploads);
        const services = { uploads, store: container.get(TOKENS.store), retentionMs: retentionMsOf(config) };
        const deleted = await deleteUnused(services, container.get(TOKENS.clock));
        if (deleted.length > 0)
          container.get(TOKENS.log).info({ uploads: deleted.map(({ path }) => path) }, 'deleted unused uploads');
      },
      pruneState: async () => opened?.prune(),
      listenForMetrics: async () => {
        if (config.metricsListen === undefined || metrics === undefined) return undefined;
        return listenForMetrics(metrics, config.metricsListen);
      },
      services: container
        .getAll(PARTS.rpcService)
        .map((service) => limitCalls(service, container.get(PARTS.callQueues))),
      close: async () => {
        metrics?.close();
        container.get(PARTS.logLevel).close();
        const closed = await Promise.allSettled([
          container.get(PARTS.models).close(),
          container.get(PARTS.predictors).close(),
        ]);
        for (const result of closed)
          if (result.status === 'rejected')
            container.get(TOKENS.log).warn({ err: result.reason as unknown }, 'not closed cleanly');
        authentication?.close();
        await source.close?.();
        hosting.close();
        await store?.close();
      },
    };
  } catch (error) {
    authentication?.close();
    await source.close?.();
    hosting.close();
    await store?.close();
    throw error;
  }
}

/** Binds what no module has bound, except for the store. */
function bindDefaults(
  container: Container,
  plugins: readonly PluginEntry[],
  metrics: PrometheusMetrics | undefined,
): void {
  const { config, clock, log } = TOKENS;
  provideDefault(container, log, ({ config }) => createLog(config), { config });
  provideDefault(container, clock, () => ({ now: () => Date.now() }), {});
  provideDefault(container, TOKENS.telemetry, () => NO_TELEMETRY, {});
  provide(
    container,
    PARTS.telemetry,
    ({ telemetry, log }) => guardTelemetry([telemetry, ...(metrics === undefined ? [] : [metrics.telemetry])], log),
    { telemetry: TOKENS.telemetry, log },
  );
  provideDefault(container, TOKENS.pluginSource, ({ config, log }) => createPluginSource(config, plugins, log), {
    config,
    log,
  });
  provideDefault(
    container,
    TOKENS.labelQueue,
    ({ store, telemetry }) => createLabelQueue({ labels: store.labels, labeller: evaluatorLabeller, telemetry }),
    { store: TOKENS.store, telemetry: PARTS.telemetry },
  );
  provideDefault(container, TOKENS.jobQueue, ({ config }) => createJobQueue(config), { config });
  provideDefault(
    container,
    TOKENS.outputs,
    ({ config: { outputRoot, stateDirectory }, clock: { now } }) =>
      createOutputFolders({
        root: outputRoot,
        kept: [{ path: stateDirectory, name: 'the state folder' }],
        owner: createLeaseOwner(),
        leaseMs: OUTPUT_LEASE_MS,
        now,
      }),
    { config, clock },
  );
  provideDefault(container, TOKENS.diskRoom, ({ config }) => createDiskRoom(config), { config });
  provideDefault(
    container,
    TOKENS.scoreCache,
    ({ config: { stateDirectory, scoreCacheBytes }, log }) =>
      createScoreCache({
        directory: join(stateDirectory, 'scores'),
        limitBytes: scoreCacheBytes,
        failed: (error) => log.warn({ err: error }, 'the cache of scores cannot be used'),
      }),
    { config, log },
  );
  provideDefault(
    container,
    TOKENS.latencyTables,
    ({ config: { stateDirectory } }) => createLatencyTableFiles(join(stateDirectory, 'latencies')),
    { config },
  );
}

/** Loaded on first use: most servers have no one who scrapes. */
async function openMetrics(): Promise<PrometheusMetrics> {
  const { createPrometheusMetrics } = await import('./adapters/prometheus/metrics.js');
  return createPrometheusMetrics(VERSION);
}

/** Where the API of OpenTelemetry, major version 1, keeps what a process has registered, for all copies of itself. */
const OPEN_TELEMETRY = Symbol.for('opentelemetry.js.api.1');

/** Loaded only where somebody traces: most servers have no collector, and it takes longer than all that it would do. */
async function openTracer(): Promise<Tracer> {
  const registered = (globalThis as { [OPEN_TELEMETRY]?: { readonly trace?: unknown } })[OPEN_TELEMETRY];
  if (registered?.trace === undefined) return NO_TRACER;
  const { createOpenTelemetryTracer } = await import('./adapters/opentelemetry/tracer.js');
  return createOpenTelemetryTracer(VERSION);
}

const METRICS = { flag: '--metrics-listen', variable: 'PRUNECAST_METRICS_LISTEN', example: '127.0.0.1:0' } as const;

async function listenForMetrics({ registry }: PrometheusMetrics, address: string): Promise<MetricsListener> {
  const { serveMetrics } = await import('./adapters/prometheus/serve-metrics.js');
  return serveMetrics(registry, address).catch((error: unknown) => {
    throw new Error(`metrics: ${describeRefusal(address, error, METRICS)}`, { cause: error });
  });
}

const provideDefault: typeof provide = (container, token, create, needs) => {
  if (!container.isBound(token)) provide(container, token, create, needs);
};

/** The default store, as far as it needs more than a port. */
interface OwnStore {
  /** Removes what the settings do not keep. */
  prune(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the default store and binds it. */
async function openStore(container: Container, stopping: AbortSignal): Promise<OwnStore> {
  const config = container.get(TOKENS.config);
  const log = container.get(TOKENS.log);
  const { stateDirectory } = config;
  const reserve = createReserve(stateDirectory);
  // The store waits for locks itself, while calls go on.
  const open = () => openDatabase(stateDirectory, { lockWaitMs: 0 });
  const { database, readable, close } = await open().catch(async (error: unknown) => {
    const isFull = error instanceof PrunecastError && error.reason === 'STORAGE_FULL';
    if (isFull && (await reserve.release())) return open();
    throw error;
  });
  if (readable.length > 0)
    log.warn(
      { paths: readable.slice(0, 5) },
      'other users can read or list parts of the state folder, which holds requests and their texts: give the server a state folder that its user owns and nothing else uses',
    );
  if (!(await reserve.hold()))
    log.warn('the disk of the state folder is full: until there is room, nothing is started');
  container.bind(TOKENS.store).toConstantValue(createSteadyStore(createSqliteStore(database), reserve));
  return {
    prune: async () => {
      const limits = limitsOf(config, container.get(TOKENS.clock));
      if (limits === undefined) return;
      const pruned = await pruneMeanwhile(database, limits, stopping);
      if (pruned.jobs + pruned.labels > 0) log.info({ ...pruned }, 'removed old jobs and labels');
    },
    close,
  };
}

/** What the settings keep of a database; `undefined` if they keep all. */
function limitsOf({ stateRetentionDays, databaseBytes }: Config, { now }: Clock): PruneLimits | undefined {
  if (stateRetentionDays === undefined && databaseBytes === undefined) return undefined;
  return {
    beforeMs: stateRetentionDays === undefined ? undefined : now() - stateRetentionDays * DAY_MS,
    keepBytes: databaseBytes,
    youngestMs: now() - SWEEP_MS,
    labelsOfStudies: 'keep',
  };
}
