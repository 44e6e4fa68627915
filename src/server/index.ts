/**
 * The package's `./server` entry: a server inside another program. `prunecast/server/testing` has what tests its parts.
 */
export { ConfigError, loadConfig, type Config, type ConfigOptions } from './config/config.js';
export { startServer, type RunningServer, type ServerAdditions } from './start-server.js';
export { TOKENS } from './tokens.js';
export { ContainerModule } from 'inversify';
export type { ArchitectureLabels, LabelTarget, LabelTask } from './labels/label-task.js';
export type { PluginSource } from './plugins/load-plugins.js';
export type { PluginEntry } from '../core/ports/plugin-entry.js';
export { PrunecastError } from '../core/errors/prunecast-error.js';
export type { Authenticator, CallOrigin, Identity, Scope } from '../core/ports/authenticator.js';
export type { Clock } from '../core/ports/clock.js';
export type { DiskRoom } from '../core/ports/disk-room.js';
export type { JobQueue } from '../core/ports/job-queue.js';
export type * from '../core/ports/job-store.js';
export type * from '../core/ports/label-queue.js';
export type * from '../core/ports/label-store.js';
export type { LatencyTableStore } from '../core/ports/latency-table-store.js';
export type * from '../core/ports/outputs.js';
export type { Page, PageQuery } from '../core/ports/pages.js';
export type * from '../core/ports/pair-set-store.js';
export type * from '../core/ports/predictor-store.js';
export type { ScoreCache } from '../core/ports/score-cache.js';
export type * from '../core/ports/store.js';
export type * from '../core/ports/study-store.js';
export type { Telemetry } from '../core/ports/telemetry.js';
export type * from '../core/ports/tracer.js';
