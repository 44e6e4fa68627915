import type { Logger } from 'pino';
import type { EventRecord } from '../../core/ports/job-store.js';
import type { JobProgressReport } from './jobs.js';

/** How far a job is, and how long it takes. */
export interface JobProgress extends JobProgressReport {
  /** Of the activity. */
  readonly elapsedSeconds: number;
  /** `undefined` if it cannot be told. */
  readonly remainingSeconds: number | undefined;
}

/** The events that are the runner's own, encoded in the form that watchers are told. */
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
