import type { Telemetry } from '../core/ports/telemetry.js';
import type { Int8Check } from '../engine/graph/measure-int8.js';
import type { SamplePairsRequest } from '../gen/prunecast/v1/pair.js';
import type { FitPredictorRequest } from '../gen/prunecast/v1/predictor.js';
import type { EvaluateRequest, PruneRequest, SearchRequest } from '../gen/prunecast/v1/pruning.js';
import type { CallQueues } from './admission/call-queues.js';
import type { LogLevel } from './config/log-level.js';
import type { JobRunner } from './jobs/create-jobs.js';
import type { JobEventLog } from './jobs/events.js';
import type { RunnableKind } from './kinds/runnable-kind.js';
import type { OpenModels } from './models/open-models.js';
import type { PluginRegistry } from './plugins/plugin-registry.js';
import type { FittedPredictors } from './predictors/fitted-predictors.js';
import type { RecipePreparer } from './recipes/prepare-recipe.js';
import type { RecipeResolver } from './recipes/recipe-resolver.js';
import type { PairSetRecords } from './records/pair-set-records.js';
import type { PredictorRecords } from './records/predictor-records.js';
import type { StudyRecords } from './records/study-records.js';
import type { RpcService } from './rpc/rpc-service.js';
import type { UploadFiles } from './transfers/upload-files.js';
import type { TextSource } from './texts/text-source.js';
import { token } from './tokens.js';

/** What a server is made of between its ports and its API. */
export const PARTS = {
  /** Fires when the server stops. */
  stopping: token<AbortSignal>('stopping'),
  /** The embedding program's, or the default; it never throws. */
  telemetry: token<Telemetry>('guardedTelemetry'),
  logLevel: token<LogLevel>('logLevel'),
  plugins: token<PluginRegistry>('plugins'),
  checkInt8: token<() => Promise<Int8Check>>('checkInt8'),
  studyRecords: token<StudyRecords>('studyRecords'),
  predictorRecords: token<PredictorRecords>('predictorRecords'),
  pairSetRecords: token<PairSetRecords>('pairSetRecords'),
  models: token<OpenModels>('models'),
  texts: token<TextSource>('texts'),
  uploads: token<UploadFiles>('uploads'),
  recipes: token<RecipeResolver>('recipes'),
  preparer: token<RecipePreparer>('preparer'),
  predictors: token<FittedPredictors>('predictors'),
  prune: token<RunnableKind<PruneRequest>>('prune'),
  evaluate: token<RunnableKind<EvaluateRequest>>('evaluate'),
  search: token<RunnableKind<SearchRequest>>('search'),
  samplePairs: token<RunnableKind<SamplePairsRequest>>('samplePairs'),
  fitPredictor: token<RunnableKind<FitPredictorRequest>>('fitPredictor'),
  callQueues: token<CallQueues>('callQueues'),
  jobEvents: token<JobEventLog>('jobEvents'),
  jobs: token<JobRunner>('jobs'),
  /** Bound many times: the services of the API that have handlers. */
  rpcService: token<RpcService>('rpcService'),
} as const;
