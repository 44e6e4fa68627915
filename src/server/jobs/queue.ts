import type { Logger } from 'pino';
import type { JobQueue, Lane, QueuedJob } from '../../core/ports/job-queue.js';
import type { Tracer } from '../../core/ports/tracer.js';
import type { EventRecord, HeldJob } from '../../core/ports/job-store.js';
import type { StoreRecord } from '../../core/ports/store.js';
import { describeOrigin } from './describe-origin.js';
import { createSerializer } from './serialize.js';
import type { JobLeases } from './leases.js';
import { traceWork } from './trace-work.js';
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
  /** A job that had paused waits again; `brought` is stored with that. */
  rejoin(job: ReadyJob, brought?: readonly (EventRecord | StoreRecord)[]): Promise<void>;
  /** A job no longer waits. */
  leave(jobId: string): Promise<void>;
  /** Starts the jobs whose turn has come. */
  startNext(): Promise<void>;
  /** The places of the jobs that wait in these lanes, in order. */
  tellPlaces(lanes: ReadonlySet<Lane>): Promise<readonly (HeldJob & EventRecord)[]>;
  /** Tells the jobs behind one that has come into the line where they are now. A failure to tell is only logged. */
  tellOvertaken(jobId: string): Promise<void>;
  /** The places that the jobs behind a waiting one have once it has left. */
  tellPlacesBehind(jobId: string): Promise<readonly (HeldJob & EventRecord)[]>;
}

export interface QueueSettings extends RunSettings {
  readonly tracer: Tracer;
  readonly queue: JobQueue;
  readonly leases: JobLeases;
}

export function createReadyJobs({ queue, leases, tracer, ...settings }: QueueSettings): ReadyJobs {
  const { events, codec, log, stopping } = settings;
  const serialize = createSerializer();
  const waiting = new Map<string, ReadyJob>();
  const running = new Map<string, LaunchedJob>();

  const launch = (ready: ReadyJob): void => {
    const { jobId } = ready.held;
    const job = runJob(
      { ...ready, run: traceWork(tracer, ready) },
      {
        ...settings,
        log: log.child({ job_id: jobId, ...(ready.origin && describeOrigin(ready.origin)) }),
      },
    );
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
      await events.append([
        ...starting.map(({ held }) => ({ ...held, ...codec.started() })),
        ...(await tellPlaces(new Set(starting.map(({ queued }) => queued.lane)))),
      ]);
    } catch (error) {
      await queue.putBack(next);
      throw error;
    }
    for (const job of starting) {
      waiting.delete(job.held.jobId);
      launch(job);
    }
  };

  const tell = (places: readonly { readonly jobId: string; readonly place: number }[]) =>
    places.flatMap(({ jobId, place }) => {
      const job = waiting.get(jobId);
      return job === undefined ? [] : [{ ...job.held, ...codec.queued(place) }];
    });
  const tellPlaces: ReadyJobs['tellPlaces'] = async (lanes) =>
    tell(listPlaces((await queue.waiting()).filter(({ lane }) => lanes.has(lane))));
  const tellPlacesBehind: ReadyJobs['tellPlacesBehind'] = async (jobId) => {
    const all = await queue.waiting();
    const leaving = all.find((job) => job.jobId === jobId);
    const before = listPlaces(all.filter(({ lane }) => lane === leaving?.lane));
    return tell(
      before.slice(1 + before.findIndex((job) => job.jobId === jobId)).map((job) => ({ ...job, place: job.place - 1 })),
    );
  };

  const tellOvertaken: ReadyJobs['tellOvertaken'] = async (jobId) => {
    const all = await queue.waiting();
    const lane = all.find((job) => job.jobId === jobId)?.lane;
    const places = listPlaces(all.filter((job) => job.lane === lane));
    const behind = tell(places.slice(1 + places.findIndex((job) => job.jobId === jobId)));
    if (behind.length === 0) return;
    await events.append(behind).catch(reportTo(log, 'jobs were not told their places'));
  };

  const wait = (job: ReadyJob): void => void waiting.set(job.held.jobId, job);
  const rejoin: ReadyJobs['rejoin'] = async (job, brought = []) => {
    const { jobId } = job.held;
    const place = await queue.append(job.queued);
    try {
      await events.commit(job.held, [...brought, codec.queued(place)]);
    } catch (error) {
      await queue.remove(jobId);
      throw error;
    }
    wait(job);
    await tellOvertaken(jobId);
  };

  stopping.addEventListener(
    'abort',
    () => {
      for (const { drain } of running.values()) drain();
    },
    { once: true },
  );

  return {
    serialize,
    running,
    waiting,
    launch,
    wait,
    rejoin,
    leave: async (jobId) => {
      waiting.delete(jobId);
      await queue.remove(jobId);
    },
    startNext,
    tellPlaces,
    tellOvertaken,
    tellPlacesBehind,
  };
}

/** The place of each job in its lane, from 1. */
function listPlaces(jobs: readonly QueuedJob[]): { readonly jobId: string; readonly place: number }[] {
  const counts = new Map<Lane, number>();
  return jobs.map(({ jobId, lane }) => {
    const place = (counts.get(lane) ?? 0) + 1;
    counts.set(lane, place);
    return { jobId, place };
  });
}

/** Logs an error of work that no caller waits for. */
export function reportTo(log: Logger, message: string): (error: unknown) => void {
  return (error) => log.error({ err: error }, message);
}
