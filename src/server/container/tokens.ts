import type { ServiceIdentifier } from 'inversify';
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import type { Clock } from '../../core/ports/clock.js';
import type { PluginEntry } from '../../plugins/plugin-entry.js';
import type { Config } from '../config/config.js';
import type { JobRunner } from '../jobs/create-jobs.js';
import type { JobEventLog } from '../jobs/job-events.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import type { RpcService } from '../rpc/rpc-service.js';
import type { JobStore } from '../store/job-store.js';
import type { LabelStore } from '../store/label-store.js';
import type { OutputFolders } from '../store/output-folder.js';
import type { PairSetStore } from '../store/pair-set-store.js';
import type { PredictorStore } from '../store/predictor-store.js';
import type { Schema } from '../store/schema.js';
import type { StudyStore } from '../store/study-store.js';

/** What the container holds, one name each. Those marked "many" are bound any number of times and asked for all together. */
export const TOKENS = {
  config: token<Config>('config'),
  log: token<Logger>('log'),
  clock: token<Clock>('clock'),
  /** Fires when the server stops. */
  stopping: token<AbortSignal>('stopping'),
  database: token<Kysely<Schema>>('database'),
  jobStore: token<JobStore>('jobStore'),
  labelStore: token<LabelStore>('labelStore'),
  studyStore: token<StudyStore>('studyStore'),
  predictorStore: token<PredictorStore>('predictorStore'),
  pairSetStore: token<PairSetStore>('pairSetStore'),
  outputs: token<OutputFolders>('outputs'),
  jobEvents: token<JobEventLog>('jobEvents'),
  jobs: token<JobRunner>('jobs'),
  /** Many: plain manifests without names, since named bindings do not show up in `getAll`. */
  plugin: token<PluginEntry>('plugin'),
  plugins: token<PluginRegistry>('plugins'),
  /** Many: the services of the API that have handlers. */
  rpcService: token<RpcService>('rpcService'),
  /** Many: what is to be closed when the server stops, after all jobs have settled. */
  closing: token<() => Promise<void>>('closing'),
} as const;

function token<Value>(name: string): ServiceIdentifier<Value> {
  return Symbol.for(`prunecast.${name}`);
}
