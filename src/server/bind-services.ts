import type { Container } from 'inversify';
import { createCallQueues } from './admission/call-queues.js';
import { createInt8Check } from '../engine/workers/int8-check.js';
import { describeServer } from './config/describe-server.js';
import { LogLevel } from './config/log-level.js';
import { CANCEL_GRACE_MS, HEARTBEAT_MS, LEASE_MS, STORAGE_WAIT_MS, STORE_RETRY_MS } from './config/limits.js';
import { bindJobKinds } from './job-kinds.js';
import { createJobs } from './jobs/create-jobs.js';
import { createJobEvents } from './jobs/events.js';
import { observeJobs } from './jobs/observe-jobs.js';
import { describeJobError, EVENT_CODEC, nameKind } from './kinds/event-codec.js';
import { createLeaseOwner } from './jobs/lease-owner.js';
import { createLatencyTables } from './latency/latency-tables.js';
import { createOpenModels, scratchDirectoryOf } from './models/open-models.js';
import { withCheckpoints } from './pruning/observe-checkpoints.js';
import { removeTraining } from './pruning/training-folders.js';
import { createFittedPredictors } from './predictors/fitted-predictors.js';
import { createPluginFileReader } from './predictors/read-plugin-files.js';
import { PARTS } from './parts.js';
import { provide } from './provide.js';
import { createRecipePreparer } from './recipes/prepare-recipe.js';
import { RecipeResolver } from './recipes/recipe-resolver.js';
import { createId } from './records/create-id.js';
import { openPairSetRecords } from './records/pair-set-records.js';
import { openPredictorRecords } from './records/predictor-records.js';
import { openStudyRecords } from './records/study-records.js';
import { createAdminService } from './rpc/admin-service.js';
import { createCatalogService } from './rpc/catalog-service.js';
import { createFileService } from './rpc/file-service.js';
import { createJobService } from './rpc/job-service.js';
import { createModelService } from './rpc/model-service.js';
import { createPairService } from './rpc/pair-service.js';
import { createPredictorService } from './rpc/predictor-service.js';
import { createPruningService } from './rpc/pruning-service.js';
import { createStudyService } from './rpc/study-service.js';
import { createUploadFiles, uploadsRootOf } from './transfers/upload-files.js';
import { retentionMsOf } from './transfers/uploads.js';
import type { Config } from './config/config.js';
import { createTextSource } from './texts/text-source.js';
import { TOKENS } from './tokens.js';

/** Binds all parts but `stopping` and `plugins`. Each is made once, when it is first asked for. */
export function bindServices(container: Container): void {
  bindRecords(container);
  bindModels(container);
  bindJobs(container);
  bindApi(container);
}

function bindRecords(container: Container): void {
  const { store } = TOKENS;
  provide(container, PARTS.studyRecords, ({ store }) => openStudyRecords(store.studies), { store });
  provide(container, PARTS.predictorRecords, ({ store }) => openPredictorRecords(store.predictors), { store });
  provide(container, PARTS.pairSetRecords, ({ store }) => openPairSetRecords(store.pairSets), { store });
}

/** What works on models. */
function bindModels(container: Container): void {
  const { config } = TOKENS;
  provide(container, PARTS.checkInt8, createInt8Check, {});
  provide(
    container,
    PARTS.models,
    ({ config, checkInt8, latencyTables, plugins, telemetry }) =>
      createOpenModels({
        ...config,
        checkInt8,
        counted: telemetry.modelsOpen,
        latencies: createLatencyTables(latencyTables, config.threads),
        extend: (language) => withCheckpoints(language, plugins),
      }),
    {
      config,
      checkInt8: PARTS.checkInt8,
      latencyTables: TOKENS.latencyTables,
      plugins: PARTS.plugins,
      telemetry: PARTS.telemetry,
    },
  );
  provide(
    container,
    PARTS.uploads,
    ({ config: { stateDirectory, uploadBytes }, clock }) =>
      createUploadFiles({ root: uploadsRootOf(stateDirectory), limitBytes: uploadBytes, clock }),
    { config, clock: TOKENS.clock },
  );
  provide(
    container,
    PARTS.texts,
    ({ config, uploads: { noteUse } }) =>
      createTextSource({ ...config, dataRoots: listDataRoots(config) }, { noteUse }),
    { config, uploads: PARTS.uploads },
  );
  provide(container, PARTS.recipes, ({ plugins, texts }) => new RecipeResolver(plugins, texts), {
    plugins: PARTS.plugins,
    texts: PARTS.texts,
  });
  provide(container, PARTS.preparer, ({ cache }) => createRecipePreparer(cache), { cache: TOKENS.scoreCache });
  provide(
    container,
    PARTS.predictors,
    ({ config, uploads: { noteUse }, ...needs }) =>
      createFittedPredictors({
        ...needs,
        readFiles: createPluginFileReader([...listDataRoots(config), ...config.modelRoots], config.dataLinks, noteUse),
      }),
    {
      config,
      uploads: PARTS.uploads,
      store: TOKENS.store,
      records: PARTS.predictorRecords,
      plugins: PARTS.plugins,
      clock: TOKENS.clock,
      telemetry: PARTS.telemetry,
    },
  );
}

/** Where texts and regressors lie: what was uploaded is named like what lies under a root of the settings. */
function listDataRoots({ dataRoots, stateDirectory }: Config): string[] {
  return [...dataRoots, uploadsRootOf(stateDirectory)];
}

function bindJobs(container: Container): void {
  bindJobKinds(container);
  provide(
    container,
    PARTS.jobEvents,
    ({ config: { keptEvents }, telemetry, log, ...needs }) =>
      observeJobs(createJobEvents({ ...needs, codec: EVENT_CODEC, keptEvents, heartbeatMs: HEARTBEAT_MS }), {
        store: needs.store,
        clock: needs.clock,
        telemetry,
        log,
        nameKind,
        describeError: describeJobError,
      }),
    {
      config: TOKENS.config,
      store: TOKENS.store,
      clock: TOKENS.clock,
      stopping: PARTS.stopping,
      telemetry: PARTS.telemetry,
      log: TOKENS.log,
    },
  );
  provide(
    container,
    PARTS.jobs,
    ({ config, prune, evaluate, search, samplePairs, fitPredictor, ...needs }) =>
      createJobs({
        ...needs,
        codec: EVENT_CODEC,
        nameKind,
        createId,
        owner: createLeaseOwner(),
        leaseMs: LEASE_MS,
        kinds: [prune, evaluate, search, samplePairs, fitPredictor],
        interruptedJobs: config.interruptedJobs,
        discard: (jobId) => removeTraining(scratchDirectoryOf(config.stateDirectory), jobId),
        drainMs: config.shutdownGraceMs,
        cancelGraceMs: CANCEL_GRACE_MS,
        storeRetryMs: STORE_RETRY_MS,
        mostWaitMs: STORAGE_WAIT_MS,
      }),
    {
      tracer: TOKENS.tracer,
      prune: PARTS.prune,
      evaluate: PARTS.evaluate,
      search: PARTS.search,
      samplePairs: PARTS.samplePairs,
      fitPredictor: PARTS.fitPredictor,
      config: TOKENS.config,
      store: TOKENS.store,
      queue: TOKENS.jobQueue,
      room: TOKENS.diskRoom,
      events: PARTS.jobEvents,
      clock: TOKENS.clock,
      log: TOKENS.log,
      stopping: PARTS.stopping,
    },
  );
}

function bindApi(container: Container): void {
  provide(container, PARTS.callQueues, ({ config }) => createCallQueues(config), { config: TOKENS.config });
  provide(container, PARTS.logLevel, ({ log, clock }) => new LogLevel(log, clock), {
    log: TOKENS.log,
    clock: TOKENS.clock,
  });
  provide(container, PARTS.rpcService, ({ logLevel }) => createAdminService(logLevel), { logLevel: PARTS.logLevel });
  const { models, plugins, recipes, preparer, texts, predictors, jobs } = PARTS;
  const { config, store, clock, outputs, labelQueue: labels } = TOKENS;
  const [studies, predictorStore, pairSets] = [PARTS.studyRecords, PARTS.predictorRecords, PARTS.pairSetRecords];
  const { telemetry } = PARTS;
  const { tracer } = TOKENS;
  const search = {
    models,
    texts,
    plugins,
    recipes,
    preparer,
    labels,
    predictors,
    outputs,
    studies,
    clock,
    telemetry,
    tracer,
  };
  provide(
    container,
    PARTS.rpcService,
    ({ plugins, config, checkInt8 }) => createCatalogService(plugins, () => describeServer(config, checkInt8)),
    { plugins, config, checkInt8: PARTS.checkInt8 },
  );
  provide(container, PARTS.rpcService, ({ jobs, events }) => createJobService(jobs, events), {
    jobs,
    events: PARTS.jobEvents,
  });
  provide(container, PARTS.rpcService, createModelService, { config, models, plugins, recipes, preparer });
  provide(
    container,
    PARTS.rpcService,
    ({ config, ...needs }) => createFileService({ ...needs, retentionMs: retentionMsOf(config) }),
    {
      config,
      outputs,
      uploads: PARTS.uploads,
      store,
      models,
      plugins,
      recipes,
      preparer,
      jobs,
      queues: PARTS.callQueues,
    },
  );
  provide(
    container,
    PARTS.rpcService,
    ({ prune, evaluate, search, ...needs }) => createPruningService({ ...needs, kinds: { prune, evaluate, search } }),
    {
      prune: PARTS.prune,
      evaluate: PARTS.evaluate,
      search: PARTS.search,
      jobs,
      events: PARTS.jobEvents,
      queues: PARTS.callQueues,
      predictors,
      plugins,
      studies,
    },
  );
  provide(
    container,
    PARTS.rpcService,
    ({ samplePairs, ...needs }) => createPairService({ ...needs, kinds: { samplePairs } }),
    { ...search, samplePairs: PARTS.samplePairs, jobs, store, pairSets },
  );
  provide(
    container,
    PARTS.rpcService,
    ({ fitPredictor, ...needs }) => createPredictorService({ ...needs, kinds: { fitPredictor } }),
    {
      fitPredictor: PARTS.fitPredictor,
      jobs,
      models,
      plugins,
      texts,
      recipes,
      preparer,
      predictors,
      predictorStore,
      outputs,
      studies,
      pairSets,
    },
  );
  provide(
    container,
    PARTS.rpcService,
    ({ config: { modelRoots, dataRoots }, ...needs }) =>
      createStudyService({ ...needs, roots: [...modelRoots, ...dataRoots] }),
    { ...search, predictorStore, store, jobs, config },
  );
}
