import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { DimensionRange } from '../../gen/prunecast/v1/common.js';
import { JobState, jobStateToJSON, type Job } from '../../gen/prunecast/v1/job.js';
import { StudyPhase } from '../../gen/prunecast/v1/study_types.js';
import { encodeStatus } from '../errors/encode-status.js';
import { orAborted } from '../../core/or-aborted.js';
import type { JobQueue } from '../../core/ports/job-queue.js';
import { createId } from '../records/create-id.js';
import type { HeldJob, LeaseOwner, LeaseStore } from '../../core/ports/job-store.js';
import type { EventEntry, JobRecords } from '../records/job-records.js';
import { createLine } from './create-line.js';
import { hasEnded } from './job-events.js';
import type { Jobs, JobSpec } from './jobs.js';
import { cancelled, describeCancelled, runJob, type RunningJob, type RunSettings } from './run-job.js';
import type { RestartableKind, ResumeStep } from './runnable-kind.js';

export interface JobSettings extends RunSettings {
  readonly store: JobRecords;
  readonly leases: LeaseStore;
  readonly owner: LeaseOwner;
  /** How long a lease runs that nobody renews. */
  readonly leaseMs: number;
  /** Those that a job can go on from its stored request. */
  readonly kinds: readonly RestartableKind[];
  /** What becomes of the jobs that an earlier server left unfinished: they go on by themselves, or wait for ResumeJob. */
  readonly interruptedJobs: 'resume' | 'pause';
  readonly queue: JobQueue;
}

/** Jobs with what only the server itself may ask of them. */
export interface JobRunner extends Jobs {
  /**
   * Takes up the jobs that an earlier server left unfinished: they wait for their turn, or for ResumeJob, as configured. Those
   * that no request is stored of end as FAILED, SERVER_RESTARTED; those that three servers in a row died with, as FAILED,
   * JOB_POISONED. To be called before any start.
   */
  recover(): Promise<void>;
  /** Starts what `recover` took up; from now on leases are renewed, and those that ran out elsewhere are taken. */
  goOn(): Promise<void>;
  /** After `stopping` has fired: waits until all runs have settled, or were left behind. Unfinished jobs stay so for the next server to recover. */
  settled(): Promise<void>;
}

/** A job as it is gone on with from what is stored. */
interface StoredJob {
  readonly run: JobSpec['run'];
  readonly resume: (ranges: readonly DimensionRange[], signal: AbortSignal) => Promise<ResumeStep>;
}

interface WaitingJob {
  readonly held: HeldJob;
  readonly run: JobSpec['run'];
}

interface LaunchedJob extends RunningJob {
  /** Resolves when it has ended and given its slot back. */
  readonly left: Promise<void>;
}

/** A job that was started so often, each time to no result and with the end of its server, is not started again: it may be what ends them. */
const MOST_FRUITLESS_STARTS = 3;

/** A lease is renewed so many times before it would run out. */
const RENEWALS = 4;

export function createJobs({
  store,
  leases,
  owner,
  leaseMs,
  kinds,
  interruptedJobs,
  queue,
  ...settings
}: JobSettings): JobRunner {
  const { events, clock, log, stopping } = settings;
  /** What becomes of the jobs that wait in the queue, by id. */
  const waiting = new Map<string, WaitingJob>();
  const running = new Map<string, LaunchedJob>();
  // Whatever changes the queue stands in one line: two starts with one request id make one job.
  const inLine = createLine();
  const nextLease = () => ({ owner: owner.name, untilMs: clock.now() + leaseMs });

  const findByRequestId = async (requestId: string, requestDigest: string): Promise<string | undefined> => {
    const found = requestId === '' ? undefined : await store.findByRequestId(requestId);
    if (found && found.requestDigest !== requestDigest) {
      throw new PrunecastError(
        'REQUEST_ID_REUSED',
        `request_id: "${requestId}" belongs to ${found.jobId}, which was asked for something else: use a new id`,
        {
          metadata: { request_id: requestId, job_id: found.jobId },
          violations: [{ field: 'request_id', description: 'belongs to a job with another request' }],
        },
      );
    }
    return found?.jobId;
  };

  const launch = ({ held, run }: WaitingJob): void => {
    const { jobId } = held;
    const job = runJob(held, run, { ...settings, log: log.child({ job_id: jobId }) });
    const leave = async (): Promise<void> => {
      await job.ended;
      running.delete(jobId);
      await queue.remove(jobId);
    };
    const left = leave();
    running.set(jobId, { ...job, left });
    const next = async (): Promise<void> => {
      await left;
      await inLine(async () => {
        const isTakenUp = running.has(jobId) || waiting.has(jobId);
        if (!isTakenUp && !stopping.aborted)
          await leases
            .release(owner.name, jobId)
            .catch((error: unknown) => log.error({ err: error }, 'a lease was not released'));
        await startNext();
      });
    };
    next().catch((error: unknown) => log.error({ err: error }, 'the next job was not started; it is tried again'));
  };

  const startNext = async (): Promise<void> => {
    if (stopping.aborted) return;
    const next = await queue.claim();
    if (next.length === 0) return;
    const starting = next.flatMap((jobId) => waiting.get(jobId) ?? []);
    try {
      await events.append([
        ...starting.map(({ held }): EventEntry => ({ ...held, payload: { $case: 'started', value: {} } })),
        ...(await tellPlaces()),
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

  /** The place of each waiting job, in order; those before place `from` are left out, and `leaving` too. */
  const tellPlaces = async (from = 1, leaving?: string): Promise<EventEntry[]> => {
    const jobIds = (await queue.waiting()).filter((jobId) => jobId !== leaving);
    return jobIds
      .flatMap((jobId, index) => {
        const job = waiting.get(jobId);
        return job === undefined ? [] : [{ held: job.held, place: index + 1 }];
      })
      .filter(({ place }) => place >= from)
      .map(({ held, place }) => ({ ...held, payload: { $case: 'queued', value: { place } } }));
  };

  /** How a stored job is gone on with from its request; undefined where it cannot be. */
  const restore = async ({ id, kind, studyId }: Job): Promise<StoredJob | undefined> => {
    const known = kinds.find((restartable) => restartable.kind === kind);
    const request = await store.request(id);
    if (known === undefined || request === undefined) return undefined;
    const job = { jobId: id, studyId, plan: request.plan };
    return {
      run: async (context) => {
        const prepared = await known.restart(request.bytes, job, context.signal);
        return prepared.run(context);
      },
      resume: (ranges, signal) => known.resume(request.bytes, job, ranges, signal),
    };
  };

  /** The lease of a job; undefined where another server works on it. */
  const take = async (jobId: string): Promise<HeldJob | undefined> => {
    const token = await leases.take(jobId, nextLease(), { nowMs: clock.now(), isGone: owner.isGone });
    return token === undefined ? undefined : { jobId, token };
  };

  /** Takes up what was left unfinished by servers that are gone. */
  const takeUp = async (): Promise<void> => {
    for (const job of await store.unfinished()) {
      if (job.state === JobState.PAUSED || running.has(job.id) || waiting.has(job.id)) continue;
      const held = await take(job.id);
      if (held === undefined) continue;
      if ((await store.fruitlessStarts(job.id)) >= MOST_FRUITLESS_STARTS) {
        await events.append([{ ...held, payload: describePoisoned(job.id, log) }]);
        continue;
      }
      const restored = await restore(job);
      if (restored === undefined) await events.append([{ ...held, payload: describeLost(log) }]);
      else if (interruptedJobs === 'pause') {
        await events.append([
          { ...held, payload: { $case: 'paused', value: { before: StudyPhase.UNSPECIFIED, ranges: [] } } },
        ]);
        await leases.release(owner.name, job.id);
      } else {
        await queue.append(job.id);
        waiting.set(job.id, { held, run: restored.run });
      }
    }
  };

  /** Renews the leases, and lets go of jobs that another server has taken. */
  const renew = async (): Promise<void> => {
    const own = new Set(await leases.renew(nextLease()));
    for (const jobId of [...waiting.keys()].filter((candidate) => !own.has(candidate))) {
      waiting.delete(jobId);
      await queue.remove(jobId);
    }
    for (const [jobId, { controller }] of running) {
      if (own.has(jobId) || hasEnded(await store.get(jobId))) continue;
      log.error({ job_id: jobId }, 'another server has taken the job');
      controller.abort(
        new PrunecastError('LEASE_LOST', `another server has taken job ${jobId}`, { metadata: { job_id: jobId } }),
      );
    }
  };

  /** Each by itself: on a full disk a lease cannot be renewed, and jobs that wait are to start as soon as there is room. */
  const beat = async (): Promise<void> => {
    for (const step of [renew, takeUp, startNext])
      await step().catch((error: unknown) =>
        log.error({ err: error }, 'leases were not renewed, or jobs not taken up'),
      );
  };

  stopping.addEventListener(
    'abort',
    () => {
      for (const { controller } of running.values()) controller.abort(stopping.reason);
    },
    { once: true },
  );

  return {
    start: (spec) =>
      inLine(async () => {
        stopping.throwIfAborted();
        spec.signal?.throwIfAborted();
        const known = await findByRequestId(spec.requestId, spec.requestDigest);
        if (known !== undefined) return { jobId: known, origin: 'attached' };
        const { kind, requestId, requestDigest, request, studyId = '', run } = spec;
        const jobId = createId('job');
        const place = await queue.admit(jobId);
        try {
          const held = await events.create(
            { id: jobId, kind, requestId, requestDigest, request, studyId, createdMs: clock.now() },
            place === 0 ? { $case: 'started', value: {} } : { $case: 'queued', value: { place } },
            nextLease(),
          );
          if (place === 0) launch({ held, run });
          else waiting.set(jobId, { held, run });
        } catch (error) {
          await queue.remove(jobId);
          throw error;
        }
        return { jobId, origin: 'started' };
      }),
    findByRequestId,
    get: (jobId) => store.get(jobId),
    list: async (query) => {
      const { values, nextPageToken } = await store.list(query);
      return { jobs: values, nextPageToken };
    },
    cancel: async (jobId) => {
      await inLine(async () => {
        if (running.has(jobId)) return;
        const place = 1 + (await queue.waiting()).indexOf(jobId);
        // A paused job has no lease: take it first. Ended or unknown jobs: nothing to do.
        const held = waiting.get(jobId)?.held ?? (await takeOpen(jobId));
        if (held === undefined) return;
        await events.append([
          { ...held, payload: describeCancelled(log) },
          ...(place === 0 ? [] : await tellPlaces(place, jobId)),
        ]);
        waiting.delete(jobId);
        await queue.remove(jobId);
      });
      const job = running.get(jobId);
      job?.controller.abort(cancelled());
      await job?.told;
      return store.get(jobId);
    },
    resume: async (jobId, ranges, signal) => {
      const paused = await store.get(jobId);
      const restored = paused.state === JobState.PAUSED ? await restore(paused) : undefined;
      if (restored === undefined) throw notResumable(paused);
      const { payloads, records } = await orAborted(restored.resume(ranges, signal), signal);
      return inLine(async () => {
        stopping.throwIfAborted();
        signal.throwIfAborted();
        // Somebody else may have resumed it meanwhile; and the run that paused may still be on its way out.
        const job = await store.get(jobId);
        if (job.lastSequence !== paused.lastSequence) throw notResumable(job);
        await running.get(jobId)?.left;
        const held = await takeOpen(jobId);
        if (held === undefined) throw notResumable(job);
        const place = await queue.append(jobId);
        try {
          await events.commit(held, [...payloads, { $case: 'queued', value: { place } }], records);
        } catch (error) {
          await queue.remove(jobId);
          throw error;
        }
        waiting.set(jobId, { held, run: restored.run });
        await startNext();
        return store.get(jobId);
      });
    },
    takeTurn: async (work, signal) => {
      const both = AbortSignal.any([signal, stopping]);
      const turnId = createId('turn');
      await queue.takeTurn(turnId, both);
      try {
        return await orAborted(work(), both);
      } finally {
        await queue.endTurn(turnId);
        inLine(startNext).catch((error: unknown) => log.error({ err: error }, 'the next job was not started'));
      }
    },
    remove: (jobId) =>
      inLine(async () => {
        const job = await store.get(jobId);
        if (!hasEnded(job))
          throw new PrunecastError('JOB_ACTIVE', `job ${jobId} has not ended: cancel it first`, {
            metadata: { job_id: jobId },
          });
        await store.remove(jobId);
      }),
    recover: () => inLine(takeUp),
    goOn: async () => {
      await inLine(startNext);
      const timer = setInterval(() => {
        inLine(beat).catch((error: unknown) => log.error({ err: error }, 'leases were not renewed'));
      }, leaseMs / RENEWALS);
      timer.unref();
      stopping.addEventListener('abort', () => clearInterval(timer), { once: true });
    },
    settled: async () => {
      await inLine(async () => undefined);
      await Promise.all([...running.values()].map((job) => job.ended));
      await leases.release(owner.name);
    },
  };

  /** As `take`; throws LEASE_HELD where another server works on the job. undefined where it has ended or is unknown. */
  async function takeOpen(jobId: string): Promise<HeldJob | undefined> {
    const held = await take(jobId);
    if (held !== undefined || hasEnded(await store.get(jobId))) return held;
    throw new PrunecastError(
      'LEASE_HELD',
      `another server works on job ${jobId}: ask that one, or wait until its lease has run out`,
      { metadata: { job_id: jobId }, retryAfterMs: leaseMs },
    );
  }
}

/** How a job ends that no server can go on with. */
function describeLost(log: JobSettings['log']): EventEntry['payload'] {
  const error = encodeStatus(
    new PrunecastError(
      'SERVER_RESTARTED',
      'the server stopped while the job was unfinished, and its request was not kept: start it again',
    ),
    log,
  );
  return { $case: 'ended', value: { state: JobState.FAILED, error, result: undefined } };
}

/** How a job ends that servers died with, one after the other. */
function describePoisoned(jobId: string, log: JobSettings['log']): EventEntry['payload'] {
  log.error({ job_id: jobId }, 'a job is set aside: the server ended each time it was worked on');
  const text = `the server ended ${MOST_FRUITLESS_STARTS} times in a row while it worked on this job, with nothing stored in between, so the job is set aside: look into the server's log and memory, change the request, and start it under a new request id`;
  const error = encodeStatus(
    new PrunecastError('JOB_POISONED', text, { metadata: { job_id: jobId, starts: String(MOST_FRUITLESS_STARTS) } }),
    log,
  );
  return { $case: 'ended', value: { state: JobState.FAILED, error, result: undefined } };
}

function notResumable({ id, state }: Job): PrunecastError {
  const words = jobStateToJSON(state).replace('JOB_STATE_', '').toLowerCase();
  return new PrunecastError('JOB_NOT_RESUMABLE', `job ${id} is ${words}: only a paused one can be resumed`, {
    metadata: { job_id: id },
  });
}
