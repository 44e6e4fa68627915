import type { ServiceIdentifier } from 'inversify';
import type { Logger } from 'pino';
import type { Authenticator } from '../core/ports/authenticator.js';
import type { Clock } from '../core/ports/clock.js';
import type { DiskRoom } from '../core/ports/disk-room.js';
import type { JobQueue } from '../core/ports/job-queue.js';
import type { LatencyTableStore } from '../core/ports/latency-table-store.js';
import type { OutputFolders } from '../core/ports/outputs.js';
import type { ScoreCache } from '../core/ports/score-cache.js';
import type { Store } from '../core/ports/store.js';
import type { Telemetry } from '../core/ports/telemetry.js';
import type { Tracer } from '../core/ports/tracer.js';
import type { Config } from './config/config.js';
import type { ArchitectureLabels } from './labels/label-task.js';
import type { PluginSource } from './plugins/load-plugins.js';

/**
 * What a program that embeds a server may bind to something of its own, in a module that it gives to `startServer`.
 * What it leaves unbound is bound to the default. The server closes its defaults when it stops; whoever bound something
 * closes that.
 */
export const TOKENS = {
  /** Bound already: to be injected, not to be replaced. */
  config: token<Config>('config'),
  /** Default: a log on standard error. */
  log: token<Logger>('log'),
  /** Default: the time of the machine. */
  clock: token<Clock>('clock'),
  /** Default: counts nothing. */
  telemetry: token<Telemetry>('telemetry'),
  /** Default: OpenTelemetry, if the process has registered an SDK of it; otherwise nothing is traced. */
  tracer: token<Tracer>('tracer'),
  /** Default: the tokens or certificates of the settings; without them everyone may call. */
  authenticator: token<Authenticator>('authenticator'),
  /** Default: the built-in plug-ins, those that the settings name, and those given to `startServer`. */
  pluginSource: token<PluginSource>('pluginSource'),
  /** Default: `prunecast.db` in the state folder, which then belongs to this server alone. */
  store: token<Store>('store'),
  /** Default: measures in this process. */
  labelQueue: token<ArchitectureLabels>('labelQueue'),
  /** Default: runs all jobs in this process, as many at a time as configured. */
  jobQueue: token<JobQueue>('jobQueue'),
  /** Default: folders under the output root. */
  outputs: token<OutputFolders>('outputs'),
  /** Default: what the disks of the state folder and the output root have. */
  diskRoom: token<DiskRoom>('diskRoom'),
  /** Default: files in the state folder. */
  scoreCache: token<ScoreCache>('scoreCache'),
  /** Default: files in the state folder. */
  latencyTables: token<LatencyTableStore>('latencyTables'),
} as const;

/** A name in the container, with the type of what is bound to it. */
export function token<Value>(name: string): ServiceIdentifier<Value> {
  return Symbol.for(`prunecast.${name}`);
}
