import type { Logger } from 'pino';
import type { EventRecord } from '../../core/ports/job-store.js';
import type { JobProgressReport } from './jobs.js';

/** How far a job is, and how long it takes. */
export interface JobProgress extends JobProgressReport {
  /** Of the activity. */
  readonly elapsedSeconds: number;
  /** `undefined` if it is unknown. */
  readonly remainingSeconds: number | undefined;
}

/** The events of the runner itself, encoded as watchers get them. */
export interface EventCodec {
  queued(place: number): EventRecord;
  started(): EventRecord;
  progress(progress: JobProgress): EventRecord;
  /** A job that waits for ResumeJob since its server ended. */
  paused(): EventRecord;
  cancelled(error: unknown, log: Logger): EventRecord;
  /** @param log where the cause of an unknown error goes */
  failed(error: unknown, log: Logger): EventRecord;
  /** The payload that breaks a silence; it is not stored. */
  heartbeat(): Uint8Array;
}
