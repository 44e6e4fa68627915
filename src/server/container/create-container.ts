import { Container } from 'inversify';
import type { Logger } from 'pino';
import { createInt8Check } from '../../engine/workers/int8-check.js';
import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import { createOutputFolders } from '../adapters/files/output-folder.js';
import type { Store } from '../../core/ports/store.js';
import type { Config } from '../config/config.js';
import { describeServer } from '../config/describe-server.js';
import { CANCEL_GRACE_MS, HEARTBEAT_MS, LEASE_MS, OUTPUT_LEASE_MS, STORE_RETRY_MS } from '../config/limits.js';
import { createJobs } from '../jobs/create-jobs.js';
import { createJobEvents } from '../jobs/job-events.js';
import { createLeaseOwner } from '../jobs/lease-owner.js';
import { PluginRegistry } from '../plugins/plugin-registry.js';
import { openJobRecords } from '../records/job-records.js';
import { openPairSetRecords } from '../records/pair-set-records.js';
import { openPredictorRecords } from '../records/predictor-records.js';
import { openStudyRecords } from '../records/study-records.js';
import { createCatalogService } from '../rpc/catalog-service.js';
import { createJobService } from '../rpc/job-service.js';
import { bindVerbs } from './bind-verbs.js';
import { TOKENS } from './tokens.js';

/** What must be there before anything can be composed. */
export interface Foundations {
  readonly config: Config;
  readonly log: Logger;
  readonly stopping: AbortSignal;
  readonly store: Store;
  readonly plugins: readonly PluginEntry[];
}

/** Composes a server. Everything is made once, when it is first asked for. */
export function createContainer({ config, log, stopping, store, plugins }: Foundations): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(TOKENS.config).toConstantValue(config);
  container.bind(TOKENS.log).toConstantValue(log);
  container.bind(TOKENS.stopping).toConstantValue(stopping);
  container.bind(TOKENS.store).toConstantValue(store);
  container.bind(TOKENS.clock).toConstantValue({ now: () => Date.now() });
  for (const plugin of plugins) container.bind(TOKENS.plugin).toConstantValue(plugin);
  bindStores(container);
  bindJobs(container);
  bindCatalog(container);
  bindVerbs(container);
  return container;
}

function bindStores(container: Container): void {
  container.bind(TOKENS.jobRecords).toResolvedValue(openJobRecords, [TOKENS.store]);
  container.bind(TOKENS.studyRecords).toResolvedValue(({ studies }) => openStudyRecords(studies), [TOKENS.store]);
  container
    .bind(TOKENS.predictorRecords)
    .toResolvedValue(({ predictors }) => openPredictorRecords(predictors), [TOKENS.store]);
  container.bind(TOKENS.pairSetRecords).toResolvedValue(({ pairSets }) => openPairSetRecords(pairSets), [TOKENS.store]);
  container.bind(TOKENS.outputs).toResolvedValue(
    ({ outputRoot, stateDirectory }, { now }) =>
      createOutputFolders({
        root: outputRoot,
        kept: [{ path: stateDirectory, name: 'the state folder' }],
        owner: createLeaseOwner(),
        leaseMs: OUTPUT_LEASE_MS,
        now,
      }),
    [TOKENS.config, TOKENS.clock],
  );
}

function bindJobs(container: Container): void {
  container
    .bind(TOKENS.jobEvents)
    .toResolvedValue(
      (store, clock, stopping, { keptEvents }) =>
        createJobEvents({ store, clock, stopping, keptEvents, heartbeatMs: HEARTBEAT_MS }),
      [TOKENS.jobRecords, TOKENS.clock, TOKENS.stopping, TOKENS.config],
    );
  container.bind(TOKENS.jobs).toResolvedValue(
    (store, { leases }, events, clock, log, kinds, stopping, { concurrentJobs, maxQueuedJobs, interruptedJobs }) =>
      createJobs({
        store,
        leases,
        owner: createLeaseOwner(),
        leaseMs: LEASE_MS,
        events,
        clock,
        log,
        kinds: Object.values(kinds),
        interruptedJobs,
        stopping,
        concurrentJobs,
        maxQueuedJobs,
        cancelGraceMs: CANCEL_GRACE_MS,
        storeRetryMs: STORE_RETRY_MS,
      }),
    [
      TOKENS.jobRecords,
      TOKENS.store,
      TOKENS.jobEvents,
      TOKENS.clock,
      TOKENS.log,
      TOKENS.kinds,
      TOKENS.stopping,
      TOKENS.config,
    ],
  );
  container.bind(TOKENS.rpcService).toResolvedValue(createJobService, [TOKENS.jobs, TOKENS.jobEvents]);
}

function bindCatalog(container: Container): void {
  container.bind(TOKENS.checkInt8).toResolvedValue(createInt8Check, []);
  container
    .bind(TOKENS.plugins)
    .toResolvedValue(
      (entries: PluginEntry[]) => new PluginRegistry(entries),
      [{ serviceIdentifier: TOKENS.plugin, isMultiple: true }],
    );
  container
    .bind(TOKENS.rpcService)
    .toResolvedValue(
      (plugins, config, checkInt8) => createCatalogService(plugins, () => describeServer(config, checkInt8)),
      [TOKENS.plugins, TOKENS.config, TOKENS.checkInt8],
    );
}
