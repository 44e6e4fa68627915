import type { Logger } from 'pino';
import type { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EventRecord } from '../../core/ports/job-store.js';
import type { JobProgressReport } from './jobs.js';
import type { JobPhase, PhasePlace } from './phase-log.js';
import type { Pace } from './track-pace.js';

/** How far a job is, and how long it takes. */
export interface JobProgress extends JobProgressReport, Pace {
  /** Of the activity. */
  readonly elapsedSeconds: number;
  /** `undefined` before the first phase. */
  readonly place: PhasePlace | undefined;
}

/** The events of the runner itself, encoded as watchers get them. */
export interface EventCodec {
  queued(place: number): EventRecord;
  started(): EventRecord;
  progress(progress: JobProgress): EventRecord;
  /** A job that waits for ResumeJob since its server ended. */
  paused(): EventRecord;
  /** A job that waits until it can go on after an error. */
  held(error: PrunecastError, log: Logger): EventRecord;
  /** What `held` or `failed` stored of an error; `undefined` if it cannot be read. */
  readError(error: Uint8Array): { readonly reason: string; readonly metadata: PrunecastError['metadata'] } | undefined;
  cancelled(error: unknown, log: Logger): EventRecord;
  /** @param log where the cause of an unknown error goes */
  failed(error: unknown, log: Logger): EventRecord;
  /** The payload that breaks a silence; it is not stored. */
  heartbeat(): Uint8Array;
  /** The phases of a job, as they are stored with it. */
  encodePhases(phases: readonly JobPhase[]): Uint8Array;
  /** What `encodePhases` made. Throws STATE_DAMAGED. */
  decodePhases(jobId: string, phases: Uint8Array): readonly JobPhase[];
}
