import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { orAborted } from '../../core/or-aborted.js';
import type { QueuedJob } from '../../core/ports/job-queue.js';
import type { Clock } from '../../core/ports/clock.js';
import type { EventRecord, HeldJob, JobOrigin } from '../../core/ports/job-store.js';
import type { EventCodec } from './event-codec.js';
import type { JobEventLog } from './events.js';
import type { RunContext, Work } from './jobs.js';
import { createPending } from './pending-records.js';
import { createPhaseLog, type OpenedJob } from './phase-log.js';
import { createProgressReporter } from './progress-reporter.js';
import { findStorageFault, type StorageWaits } from './storage-waits.js';

export interface RunSettings {
  readonly events: JobEventLog;
  readonly codec: EventCodec;
  readonly clock: Clock;
  readonly log: Logger;
  /** Fires when the server stops. */
  readonly stopping: AbortSignal;
  /** How long a job may go on after that until it has stored its next result. */
  readonly drainMs: number;
  /** How long a cancelled job may take to end by itself. */
  readonly cancelGraceMs: number;
  /**
   * How long after a first failure the end of a job is stored again; each time twice as long as before, `MOST_RETRY_MS`
   * at most.
   */
  readonly storeRetryMs: number;
  readonly waits: StorageWaits;
}

/** A job that may run, under a lease. */
export interface ReadyJob {
  readonly held: HeldJob;
  readonly run: Work;
  /** How it waits, and whose slot it takes. */
  readonly queued: QueuedJob;
  readonly opened: OpenedJob;
  /** The call that started it; `undefined` if that is not known. */
  readonly origin: JobOrigin | undefined;
}

export interface RunningJob {
  readonly controller: AbortController;
  /** Stops it for the next server, once it has stored its next result, or `drainMs` have passed. */
  drain(): void;
  /**
   * Resolves when the job has its terminal event, or is paused, or is left to the next server: the next job may start.
   * A cancelled run that has not settled by then is left behind, and stores nothing more.
   */
  readonly ended: Promise<void>;
  /** As `ended`, but rejects with what first kept the end from being stored. */
  readonly told: Promise<void>;
}

/** The longest pause between two attempts to store the end of a job. */
const MOST_RETRY_MS = 10_000;

/**
 * Runs a job that has started: stores what it commits and how it ends, for as long as the lease is this server's. One
 * that meets a full disk, or a state that cannot be written, pauses. An end or a pause that the store does not take is
 * stored again and again until it is there or the server stops: no job runs for ever.
 */
export function runJob(
  { held: job, run, opened }: ReadyJob,
  { events, codec, clock, log, stopping, drainMs, cancelGraceMs, storeRetryMs, waits }: RunSettings,
): RunningJob {
  const controller = new AbortController();
  const { signal } = controller;
  if (stopping.aborted) controller.abort(stopping.reason);
  const leave = (): void => controller.abort(stopping.reason);
  let drainTimer: NodeJS.Timeout | undefined;
  const phases = createPhaseLog(clock, opened);
  const withPhases = (event: EventRecord): EventRecord => ({ ...event, phases: codec.encodePhases(phases.now()) });
  let saved = false;
  const reporter = createProgressReporter(clock, (progress) => {
    const event = codec.progress({ ...progress, saved, place: phases.place() });
    saved = false;
    events
      .append([{ ...job, ...withPhases(event) }])
      .catch((error: unknown) => log.error({ err: error }, 'progress was not stored'));
  });
  const pending = createPending();
  const context: RunContext = {
    jobId: job.jobId,
    signal,
    commit: async (committed, records) => {
      const taken = pending.take();
      const all = [...stampLast(committed, withPhases), ...taken.kept, ...taken.joined, ...records];
      const isStored = await events.commit(job, all).catch((error: unknown) => {
        pending.putBack(taken);
        throw error;
      });
      if (isStored && stopping.aborted) leave();
      if (isStored) return;
      await events.keep(taken.kept);
      throw signal.reason ?? new Error(`${job.jobId} has ended, or is another server's: it stores nothing more`);
    },
    join: pending.join,
    keep: pending.keep,
    stored: () => events.stored(job.jobId),
    progress: (progress) => {
      // What is held back of the activity before is sent with the counts of its phase as they were.
      saved ||= progress.saved === true;
      reporter.turnTo(progress);
      phases.follow(progress);
      reporter.report(progress);
    },
    // What is held back of an activity belongs to the phase that it was part of.
    phases: {
      ...phases,
      enter: (name, round) => {
        reporter.flush();
        phases.enter(name, round);
        reporter.mention({ activity: name, done: 0, total: 0, unit: '' });
      },
      leave: () => {
        reporter.flush();
        phases.leave();
      },
    },
  };
  const settle = async (error: unknown): Promise<EventRecord> => {
    const fault = await waits.pauseFor(job.jobId, error);
    return fault === undefined ? codec.failed(error, log) : codec.held(fault, log);
  };
  const outcome = (async () => await run(context))().catch(settle);
  const notStored = new AbortController();
  const storeAlone = (end: EventRecord): Promise<boolean> =>
    events.commit(job, [withPhases(end)]).then(
      () => true,
      () => false,
    );
  const untilStored = async (store: () => Promise<void>): Promise<void> => {
    for (let waitMs = storeRetryMs; ; waitMs = Math.min(2 * waitMs, MOST_RETRY_MS)) {
      try {
        return await store();
      } catch (error) {
        log.error({ err: error }, 'the end or the pause of a job was not stored; it is tried again');
        if (stopping.aborted) return;
        await pause(waitMs, undefined, { signal: stopping }).catch(() => undefined);
      }
    }
  };
  /** Who cancels a job while its pause is being stored does not want it to go on. */
  const isPauseOfCancelled = ({ change }: EventRecord): boolean => change.to === 'paused' && wasCancelled(signal);
  const storeEnd = async (ending: EventRecord): Promise<void> => {
    const { joined, kept } = pending.take();
    let end = ending;
    let records = [...kept, ...joined];
    await untilStored(async () => {
      if (isPauseOfCancelled(end)) end = codec.cancelled(describeCancelled(), log);
      try {
        if (!(await events.commit(job, [withPhases(end), ...records]))) await events.keep(kept);
      } catch (error) {
        // A pause alone may find room. What the next run does again is not stored, and what is paid for a little later.
        if (end.change.to === 'paused' && records.length > 0 && (await storeAlone(end))) {
          untilStored(() => events.keep(kept)).catch(() => undefined);
          return;
        }
        notStored.abort(error);
        // What is at fault for itself, and not the store, would fail again.
        if (findStorageFault(error) === undefined) [end, records] = [codec.failed(error, log), [...kept]];
        throw error;
      }
    });
    if (isPauseOfCancelled(end)) await storeEnd(end);
  };
  const ended = (async () => {
    const first = await Promise.race([outcome, cancelledTooLong(signal, cancelGraceMs)]);
    if (first === 'late') log.warn('the work of a cancelled job has not ended in time, and is left behind');
    clearTimeout(drainTimer);
    // What has ended by itself, or was cancelled, while the server stops is no work for the next one.
    if (stopping.aborted && signal.aborted && !wasCancelled(signal)) {
      reporter.drop();
      return await events.keep(pending.take().kept);
    }
    reporter.end();
    await storeEnd(signal.aborted || first === 'late' ? codec.cancelled(describeCancelled(), log) : first);
  })().catch((error: unknown) => log.error({ err: error }, 'the end of a job was not stored'));
  const told = orAborted(ended, notStored.signal);
  told.catch(() => undefined);
  const drain = (): void => {
    if (drainMs === 0) return leave();
    drainTimer ??= setTimeout(leave, drainMs);
  };
  return { controller, drain, ended, told };
}

function stampLast(events: readonly EventRecord[], stamp: (event: EventRecord) => EventRecord): readonly EventRecord[] {
  return events.map((event, index) => (index === events.length - 1 ? stamp(event) : event));
}

/** What a caller's cancel makes the work end with. */
export function describeCancelled(): PrunecastError {
  return new PrunecastError('CANCELLED', 'the job was cancelled');
}

/** Whether it was a caller's cancel that fired the signal, and not a stop of the server or the loss of the lease. */
function wasCancelled({ reason }: AbortSignal): boolean {
  return reason instanceof PrunecastError && reason.reason === 'CANCELLED';
}

/** Resolves when a run has had its time to end after the signal; never if the signal does not fire. */
function cancelledTooLong(signal: AbortSignal, graceMs: number): Promise<'late'> {
  return new Promise((resolve) => {
    const wait = (): void => void setTimeout(() => resolve('late'), graceMs).unref();
    if (signal.aborted) wait();
    else signal.addEventListener('abort', wait, { once: true });
  });
}
