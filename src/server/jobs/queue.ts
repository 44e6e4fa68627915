import type { Logger } from 'pino';
import type { JobQueue } from '../../core/ports/job-queue.js';
import type { EventRecord, HeldJob } from '../../core/ports/job-store.js';
import { createSerializer } from './serialize.js';
import type { JobLeases } from './leases.js';
import { runJob, type ReadyJob, type RunningJob, type RunSettings } from './runner.js';

/** A job that runs. */
export interface LaunchedJob extends RunningJob {
  /** Resolves when it has ended and given its slot back. */
  readonly left: Promise<void>;
}

/** The jobs of this server that wait or run. All but `serialize` and `running` is to be called within `serialize`. */
export interface ReadyJobs {
  /**
   * Runs works one after the other. Whatever changes the queue goes through here: two starts with one request id make
   * one job.
   */
  serialize<Result>(work: () => Promise<Result>): Promise<Result>;
  readonly running: ReadonlyMap<string, LaunchedJob>;
  readonly waiting: ReadonlyMap<string, ReadyJob>;
  /** A new job that has a slot begins. */
  launch(job: ReadyJob): void;
  /** A job that the queue has let in waits. */
  wait(job: ReadyJob): void;
  /** A job no longer waits. */
  leave(jobId: string): Promise<void>;
  /** Starts the jobs whose turn has come. */
  startNext(): Promise<void>;
  /** The place of each waiting job, in order, from place `from` on; as if `leaving` had left. */
  tellPlaces(from?: number, leaving?: string): Promise<readonly (HeldJob & EventRecord)[]>;
}

export interface QueueSettings extends RunSettings {
  readonly queue: JobQueue;
  readonly leases: JobLeases;
}

export function createReadyJobs({ queue, leases, ...settings }: QueueSettings): ReadyJobs {
  const { events, codec, log, stopping } = settings;
  const serialize = createSerializer();
  const waiting = new Map<string, ReadyJob>();
  const running = new Map<string, LaunchedJob>();

  const launch = (ready: ReadyJob): void => {
    const { jobId } = ready.held;
    const job = runJob(ready, { ...settings, log: log.child({ job_id: jobId }) });
    const end = async (): Promise<void> => {
      await job.ended;
      running.delete(jobId);
      await queue.remove(jobId);
    };
    const left = end();
    running.set(jobId, { ...job, left });
    const next = async (): Promise<void> => {
      await left;
      await serialize(async () => {
        const isTakenUp = running.has(jobId) || waiting.has(jobId);
        if (!isTakenUp && !stopping.aborted)
          await leases.release(jobId).catch(reportTo(log, 'a lease was not released'));
        await startNext();
      });
    };
    next().catch(reportTo(log, 'the next job was not started; it is tried again'));
  };

  const startNext = async (): Promise<void> => {
    if (stopping.aborted) return;
    const next = await queue.claim();
    if (next.length === 0) return;
    const starting = next.flatMap((jobId) => waiting.get(jobId) ?? []);
    try {
      await events.append([...starting.map(({ held }) => ({ ...held, ...codec.started() })), ...(await tellPlaces())]);
    } catch (error) {
      await queue.putBack(next);
      throw error;
    }
    for (const job of starting) {
      waiting.delete(job.held.jobId);
      launch(job);
    }
  };

  const tellPlaces: ReadyJobs['tellPlaces'] = async (from = 1, leaving) => {
    const jobIds = (await queue.waiting()).filter((jobId) => jobId !== leaving);
    return jobIds.flatMap((jobId, index) => {
      const job = waiting.get(jobId);
      return job === undefined || index + 1 < from ? [] : [{ ...job.held, ...codec.queued(index + 1) }];
    });
  };

  stopping.addEventListener(
    'abort',
    () => {
      for (const { controller } of running.values()) controller.abort(stopping.reason);
    },
    { once: true },
  );

  return {
    serialize,
    running,
    waiting,
    launch,
    wait: (job) => void waiting.set(job.held.jobId, job),
    leave: async (jobId) => {
      waiting.delete(jobId);
      await queue.remove(jobId);
    },
    startNext,
    tellPlaces,
  };
}

/** Logs an error of work that no caller waits for. */
export function reportTo(log: Logger, message: string): (error: unknown) => void {
  return (error) => log.error({ err: error }, message);
}
