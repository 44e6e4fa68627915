import type { ServiceIdentifier } from 'inversify';
import type { Logger } from 'pino';
import type { Clock } from '../../core/ports/clock.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { PluginEntry } from '../../core/ports/plugin-entry.js';
import type { Store } from '../../core/ports/store.js';
import type { Int8Check } from '../../engine/graph/measure-int8.js';
import type { Config } from '../config/config.js';
import type { EvaluateServices } from '../evaluation/prepare-evaluate.js';
import type { JobKinds } from './job-kinds.js';
import type { JobRunner } from '../jobs/create-jobs.js';
import type { JobEventLog } from '../jobs/job-events.js';
import type { ArchitectureLabels } from '../labels/label-task.js';
import type { OpenModels } from '../models/open-models.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import type { FittedPredictors } from '../predictors/fitted-predictors.js';
import type { RecipePreparer } from '../recipes/prepare-recipe.js';
import type { RecipeResolver } from '../recipes/recipe-resolver.js';
import type { RpcService } from '../rpc/rpc-service.js';
import type { JobRecords } from '../records/job-records.js';
import type { PairSetRecords } from '../records/pair-set-records.js';
import type { PredictorRecords } from '../records/predictor-records.js';
import type { StudyRecords } from '../records/study-records.js';
import type { TextSource } from '../texts/text-source.js';

/** What the container holds, one name each. Those marked "many" are bound any number of times and asked for all together. */
export const TOKENS = {
  config: token<Config>('config'),
  log: token<Logger>('log'),
  clock: token<Clock>('clock'),
  /** Fires when the server stops. */
  stopping: token<AbortSignal>('stopping'),
  store: token<Store>('store'),
  jobRecords: token<JobRecords>('jobRecords'),
  studyRecords: token<StudyRecords>('studyRecords'),
  predictorRecords: token<PredictorRecords>('predictorRecords'),
  pairSetRecords: token<PairSetRecords>('pairSetRecords'),
  outputs: token<OutputFolders>('outputs'),
  checkInt8: token<() => Promise<Int8Check>>('checkInt8'),
  models: token<OpenModels>('models'),
  texts: token<TextSource>('texts'),
  recipes: token<RecipeResolver>('recipes'),
  preparer: token<RecipePreparer>('preparer'),
  labels: token<ArchitectureLabels>('labels'),
  predictors: token<FittedPredictors>('predictors'),
  jobEvents: token<JobEventLog>('jobEvents'),
  kinds: token<JobKinds>('kinds'),
  jobs: token<JobRunner>('jobs'),
  /** What works on models, together. */
  verbs: token<Verbs>('verbs'),
  /** What is kept of it, together. */
  records: token<Records>('records'),
  /** Many: plain manifests without names, since named bindings do not show up in `getAll`. */
  plugin: token<PluginEntry>('plugin'),
  plugins: token<PluginRegistry>('plugins'),
  /** Many: the services of the API that have handlers. */
  rpcService: token<RpcService>('rpcService'),
  /** Many: what is to be closed when the server stops, after all jobs have settled. */
  closing: token<() => Promise<void>>('closing'),
} as const;

/** What the services of models, pruning, predictors and studies work with. */
interface Verbs extends Omit<EvaluateServices, 'outputs'> {
  readonly predictors: FittedPredictors;
}

/** Where they keep what they make. */
interface Records {
  readonly store: Store;
  readonly kinds: JobKinds;
  readonly jobs: JobRunner;
  readonly events: JobEventLog;
  readonly outputs: OutputFolders;
  readonly studies: StudyRecords;
  readonly predictorStore: PredictorRecords;
  readonly pairSets: PairSetRecords;
  readonly clock: Clock;
}

function token<Value>(name: string): ServiceIdentifier<Value> {
  return Symbol.for(`prunecast.${name}`);
}
