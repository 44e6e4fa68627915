import type { Logger } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { JobQueue } from '../../core/ports/job-queue.js';
import { isEnded, type JobStore, type StoredJob } from '../../core/ports/job-store.js';
import type { EventCodec } from './event-codec.js';
import type { JobEventLog } from './events.js';
import type { RestartableKind, RestartedJob } from './jobs.js';
import type { JobLeases } from './leases.js';
import type { ReadyJobs } from './queue.js';
import type { ReadyJob } from './runner.js';
import type { StorageWaits } from './storage-waits.js';

export interface RecoverySettings {
  readonly jobs: JobStore;
  /** Those whose jobs can be resumed from their stored request. */
  readonly kinds: readonly RestartableKind[];
  /**
   * What becomes of the jobs that an earlier server left unfinished: they are resumed at once, or wait for ResumeJob.
   */
  readonly interruptedJobs: 'resume' | 'pause';
  readonly events: JobEventLog;
  readonly codec: EventCodec;
  readonly leases: JobLeases;
  readonly queue: JobQueue;
  readonly ready: ReadyJobs;
  readonly waits: StorageWaits;
  readonly log: Logger;
  readonly nameKind: (kind: number) => string;
}

/** What outlives the server that a job began under. */
export interface Recovery {
  /** What a stored job can be resumed from; `undefined` if it cannot. */
  restore(job: StoredJob): Promise<RestoredJob | undefined>;
  /**
   * Takes up what was left unfinished by servers that have ended, and what waited for storage that is there now;
   * `at-start` also what waits for ResumeJob only since a server before this one took it up to let it wait.
   */
  takeUp(when: 'at-start' | 'meanwhile'): Promise<void>;
  /** Renews the leases, and lets go of jobs that another server has taken. */
  renew(): Promise<void>;
}

export interface RestoredJob extends Pick<ReadyJob, 'run' | 'queued' | 'opened' | 'origin'> {
  readonly resume: (input: Uint8Array, signal: AbortSignal) => ReturnType<RestartableKind['resume']>;
}

/**
 * A job that was started so often, each time without a result and with the end of its server, is set aside: it may be
 * what ends them.
 */
const MOST_FRUITLESS_STARTS = 3;

/** All is to be called within `ready.serialize`, but `restore`. */
export function createRecovery({
  jobs,
  kinds,
  interruptedJobs,
  events,
  codec,
  leases,
  queue,
  ready,
  waits,
  log,
  nameKind,
}: RecoverySettings): Recovery {
  const restore = async ({
    id,
    kind,
    studyId,
    caller,
    origin,
    phases,
  }: StoredJob): Promise<RestoredJob | undefined> => {
    const known = kinds.find((restartable) => restartable.kind === kind);
    const request = await jobs.request(id);
    if (known === undefined || request === undefined) return undefined;
    const job: RestartedJob = { jobId: id, studyId, plan: request.plan };
    return {
      origin,
      run: known.restart(request.bytes, job),
      queued: {
        jobId: id,
        lane: known.laneOf(request.bytes),
        kind: nameKind(kind),
        caller,
        bytes: request.bytes.length,
      },
      opened: { before: phases === undefined ? [] : codec.decodePhases(id, phases) },
      resume: (input, signal) => known.resume(request.bytes, job, input, signal),
    };
  };
  /** A job that waits by its own plan has told more of its pause. */
  const wasInterrupted = async ({ id, lastSequence }: StoredJob): Promise<boolean> => {
    const [last] = await jobs.eventsAfter(id, lastSequence - 1, 1);
    return last !== undefined && Buffer.compare(last.payload, codec.paused().payload) === 0;
  };
  const mayGoOn = async (job: StoredJob, when: 'at-start' | 'meanwhile'): Promise<boolean> => {
    const resumes = interruptedJobs === 'resume';
    if (job.error !== undefined) return (resumes || waits.isOwn(job.id)) && (await waits.mayGoOn(job));
    return resumes && when === 'at-start' && (await wasInterrupted(job));
  };
  return {
    restore,
    takeUp: async (when) => {
      const unfinished = await jobs.unfinished();
      waits.retain(unfinished);
      for (const job of unfinished) {
        if (ready.running.has(job.id) || ready.waiting.has(job.id)) continue;
        if (job.state === 'paused' && !(await mayGoOn(job, when))) continue;
        const held = await leases.take(job.id);
        if (held === undefined) continue;
        if (job.fruitlessStarts >= MOST_FRUITLESS_STARTS) {
          log.error({ job_id: job.id }, 'a job is set aside: the server ended each time it was worked on');
          await events.append([{ ...held, ...codec.failed(describePoisoned(job.id), log) }]);
          continue;
        }
        const restored = await restore(job);
        if (restored === undefined) await events.append([{ ...held, ...codec.failed(describeLost(), log) }]);
        else if (job.error !== undefined) await ready.rejoin({ held, ...restored });
        else if (interruptedJobs === 'pause') {
          await events.append([{ ...held, ...codec.paused() }]);
          await leases.release(job.id);
        } else {
          await queue.append(restored.queued);
          ready.wait({ held, ...restored });
        }
      }
    },
    renew: async () => {
      const own = await leases.renew();
      for (const jobId of [...ready.waiting.keys()].filter((candidate) => !own.has(candidate)))
        await ready.leave(jobId);
      for (const [jobId, { controller }] of ready.running) {
        if (own.has(jobId) || isEnded((await jobs.get(jobId)).state)) continue;
        log.error({ job_id: jobId }, 'another server has taken the job');
        controller.abort(
          new PrunecastError('LEASE_LOST', `another server has taken job ${jobId}`, { metadata: { job_id: jobId } }),
        );
      }
    },
  };
}

/** What a job ends with that no server can resume. */
function describeLost(): PrunecastError {
  return new PrunecastError(
    'SERVER_RESTARTED',
    'the server stopped while the job was unfinished, and its request was not kept: start it again',
  );
}

/** What a job ends with that ended its servers, one after the other. */
function describePoisoned(jobId: string): PrunecastError {
  return new PrunecastError(
    'JOB_POISONED',
    `the server ended ${MOST_FRUITLESS_STARTS} times in a row while it worked on this job, with nothing stored in between, so the job is set aside: look into the server's log and memory, change the request, and start it under a new request id`,
    { metadata: { job_id: jobId, starts: String(MOST_FRUITLESS_STARTS) } },
  );
}
