import type { Logger } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Clock } from '../../core/ports/clock.js';
import { JobEvent, JobState, jobStateToJSON, type Job } from '../../gen/prunecast/v1/job.js';
import { StudyPhase } from '../../gen/prunecast/v1/study_types.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import { encodeStatus } from '../errors/encode-status.js';
import { createId } from '../store/create-id.js';
import type { EventEntry, JobStore } from '../store/job-store.js';
import type { StoreWrite } from '../store/store-write.js';
import { createLine } from './create-line.js';
import { hasEnded, type JobEventLog } from './job-events.js';
import type { EmittedPayload, JobContext, JobResult, Jobs, JobSpec } from './jobs.js';
import { createProgressReporter } from './progress-reporter.js';
import type { RestartableKind } from './runnable-kind.js';

export interface JobSettings {
  readonly store: JobStore;
  readonly events: JobEventLog;
  readonly clock: Clock;
  readonly log: Logger;
  /** Those that a job can go on from its stored request. */
  readonly kinds: readonly RestartableKind[];
  /** What becomes of the jobs that ran when an earlier server ended: they go on by themselves, or wait for ResumeJob. */
  readonly interruptedJobs: 'resume' | 'pause';
  /** Fires when the server stops. */
  readonly stopping: AbortSignal;
  readonly concurrentJobs: number;
  readonly maxQueuedJobs: number;
  /** How long a cancelled job may take to end by itself. */
  readonly cancelGraceMs: number;
}

/** Jobs with what only the server itself may ask of them. */
export interface JobRunner extends Jobs {
  /**
   * Takes up the jobs that an earlier server left unfinished: they wait for their turn, or for ResumeJob, as configured. Those
   * that no request is stored of end as FAILED, SERVER_RESTARTED. To be called before any start.
   */
  recover(): Promise<void>;
  /** Starts what `recover` took up. */
  goOn(): Promise<void>;
  /** After `stopping` has fired: waits until all runs have settled. Unfinished jobs stay so for the next server to recover. */
  settled(): Promise<void>;
}

interface WaitingJob {
  readonly jobId: string;
  readonly run: JobSpec['run'];
}

interface RunningJob {
  readonly controller: AbortController;
  /** Resolves when the job has its terminal event. */
  readonly ended: Promise<void>;
  /** Resolves when its run has settled, and the next job may start. */
  readonly settled: Promise<void>;
}

type Outcome = { readonly kind: 'succeeded'; readonly result: JobResult } | { readonly kind: 'failed'; readonly error: unknown } | { readonly kind: 'cancelled' };

/** A caller is told to come back after so long when the queue is full; heavy jobs take minutes. */
const RETRY_AFTER_MS = 30_000;

/** Leaves room for the event's id, number and time, and for the message around it. */
const MOST_EVENT_BYTES = MAX_MESSAGE_BYTES - 1024;

export function createJobs({ store, events, clock, log, kinds, interruptedJobs, stopping, concurrentJobs, maxQueuedJobs, cancelGraceMs }: JobSettings): JobRunner {
  let waiting: readonly WaitingJob[] = [];
  const running = new Map<string, RunningJob>();
  // Whatever changes the queue stands in one line: two starts with one request id make one job.
  const inLine = createLine();

  const findByRequestId = async (requestId: string, requestDigest: string): Promise<string | undefined> => {
    const found = requestId === '' ? undefined : await store.findByRequestId(requestId);
    if (found && found.requestDigest !== requestDigest) {
      throw new PrunecastError('REQUEST_ID_REUSED', `request_id: "${requestId}" belongs to ${found.jobId}, which was asked for something else: use a new id`, {
        metadata: { request_id: requestId, job_id: found.jobId },
        violations: [{ field: 'request_id', description: 'belongs to a job with another request' }],
      });
    }
    return found?.jobId;
  };

  const launch = ({ jobId, run }: WaitingJob): void => {
    const controller = new AbortController();
    if (stopping.aborted) controller.abort(stopping.reason);
    const reporter = createProgressReporter(clock, (value) => {
      events.append([{ jobId, payload: { $case: 'progress', value } }]).catch((error: unknown) => log.error({ err: error, job_id: jobId }, 'progress was not stored'));
    });
    const joined: StoreWrite[] = [];
    const commit = async (payloads: readonly EmittedPayload[], writes: readonly StoreWrite[]): Promise<void> => {
      payloads.forEach(checkSize);
      const along = joined.splice(0);
      if (await events.commit(jobId, payloads, [...along, ...writes])) return;
      await events.keep(along);
      throw controller.signal.reason ?? new Error(`${jobId} has ended: it emits no more events`);
    };
    const context: JobContext = {
      jobId,
      signal: controller.signal,
      emit: (payload) => commit([payload], []),
      commit,
      join: (write) => void joined.push(write),
      stored: () => events.stored(jobId),
      progress: reporter.report,
    };
    const outcome = observe(async () => {
      const result = await run(context);
      checkSize({ $case: 'ended', value: { state: JobState.SUCCEEDED, error: undefined, result } });
      return result;
    });
    const ended = (async () => {
      const first = await Promise.race([outcome, cancelledTooLong(controller.signal, cancelGraceMs)]);
      if (stopping.aborted) return await events.keep(joined.splice(0));
      reporter.flush();
      const value = describeEnd(controller.signal.aborted ? { kind: 'cancelled' } : first, log.child({ job_id: jobId }));
      await events.commit(jobId, [{ $case: 'ended', value }], joined.splice(0));
    })().catch((error: unknown) => log.error({ err: error, job_id: jobId }, 'the end of a job was not stored'));
    const settled = Promise.all([outcome, ended]).then(() => void running.delete(jobId));
    running.set(jobId, { controller, ended, settled });
    void settled.then(() => inLine(startNext)).catch((error: unknown) => log.error({ err: error }, 'the next job was not started'));
  };

  const startNext = async (): Promise<void> => {
    if (stopping.aborted || waiting.length === 0 || running.size >= concurrentJobs) return;
    const next = waiting.slice(0, concurrentJobs - running.size);
    waiting = waiting.slice(next.length);
    await events.append([...next.map(({ jobId }): EventEntry => ({ jobId, payload: { $case: 'started', value: {} } })), ...tellPlaces(waiting)]);
    next.forEach(launch);
  };

  /** A job that is stored, to be run from its request; undefined where that cannot be. */
  const restore = async ({ id, kind, studyId }: Job): Promise<WaitingJob | undefined> => {
    const restartable = kinds.find((known) => known.kind === kind);
    const request = await store.request(id);
    if (restartable === undefined || request === undefined) return undefined;
    return {
      jobId: id,
      run: async (context) => {
        const prepared = await restartable.restart(request, { jobId: id, studyId });
        if (prepared.kind === 'plan') throw new PrunecastError('INTERNAL', `${id} has a plan in place of work`);
        return prepared.run(context);
      },
    };
  };

  stopping.addEventListener('abort', () => {
    for (const { controller } of running.values()) controller.abort(stopping.reason);
  }, { once: true });

  return {
    start: (spec) => inLine(async () => {
      stopping.throwIfAborted();
      const known = await findByRequestId(spec.requestId, spec.requestDigest);
      if (known !== undefined) return { jobId: known, origin: 'attached' };
      const startsNow = running.size < concurrentJobs && waiting.length === 0;
      if (!startsNow && waiting.length >= maxQueuedJobs) {
        throw new PrunecastError('OVERLOADED', `${waiting.length} jobs wait already, and no more may: try again later`, {
          metadata: { queued_jobs: String(waiting.length) },
          retryAfterMs: RETRY_AFTER_MS,
        });
      }
      const { kind, requestId, requestDigest, request, studyId = '', run } = spec;
      const job = { jobId: createId('job'), run };
      await events.create(
        { id: job.jobId, kind, requestId, requestDigest, request, studyId, createdMs: clock.now() },
        startsNow ? { $case: 'started', value: {} } : { $case: 'queued', value: { place: waiting.length + 1 } },
      );
      if (startsNow) launch(job);
      else waiting = [...waiting, job];
      return { jobId: job.jobId, origin: 'started' };
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
        const index = waiting.findIndex((job) => job.jobId === jobId);
        if (index !== -1) waiting = waiting.toSpliced(index, 1);
        // Of a job that has ended, or that nobody knows, nothing is stored.
        await events.append([{ jobId, payload: { $case: 'ended', value: describeEnd({ kind: 'cancelled' }, log) } }, ...(index === -1 ? [] : tellPlaces(waiting, index))]);
      });
      const job = running.get(jobId);
      job?.controller.abort(cancelled());
      await job?.ended;
      return store.get(jobId);
    },
    resume: (jobId) => inLine(async () => {
      stopping.throwIfAborted();
      const job = await store.get(jobId);
      const resumed = job.state === JobState.PAUSED ? await restore(job) : undefined;
      if (resumed === undefined) {
        throw new PrunecastError('JOB_NOT_RESUMABLE', `job ${jobId} is ${describeState(job)}: only a paused one can be resumed`, { metadata: { job_id: jobId } });
      }
      waiting = [...waiting, resumed];
      await startNext();
      if (waiting.includes(resumed)) await events.append([{ jobId, payload: { $case: 'queued', value: { place: waiting.length } } }]);
      return store.get(jobId);
    }),
    remove: (jobId) => inLine(async () => {
      const job = await store.get(jobId);
      if (!hasEnded(job)) throw new PrunecastError('JOB_ACTIVE', `job ${jobId} has not ended: cancel it first`, { metadata: { job_id: jobId } });
      await store.remove(jobId);
    }),
    recover: () => inLine(async () => {
      const error = encodeStatus(new PrunecastError('SERVER_RESTARTED', 'the server stopped while the job was unfinished, and its request was not kept: start it again'), log);
      const entries: EventEntry[] = [];
      for (const job of await store.unfinished()) {
        const restored = await restore(job);
        if (restored === undefined) entries.push({ jobId: job.id, payload: { $case: 'ended', value: { state: JobState.FAILED, error, result: undefined } } });
        else if (job.state === JobState.RUNNING && interruptedJobs === 'pause') entries.push({ jobId: job.id, payload: { $case: 'paused', value: { before: StudyPhase.UNSPECIFIED, ranges: [] } } });
        else if (job.state !== JobState.PAUSED) waiting = [...waiting, restored];
      }
      await events.append(entries);
    }),
    goOn: () => inLine(startNext),
    settled: async () => {
      await inLine(async () => undefined);
      await Promise.all([...running.values()].map((job) => job.settled));
    },
  };
}

/** The place of each waiting job, from the one at `from` on. */
function tellPlaces(waiting: readonly WaitingJob[], from = 0): EventEntry[] {
  return waiting.slice(from).map(({ jobId }, index) => ({ jobId, payload: { $case: 'queued', value: { place: from + index + 1 } } }));
}

function describeState({ state }: Job): string {
  return jobStateToJSON(state).replace('JOB_STATE_', '').toLowerCase();
}

/** An event that no stream could carry is refused before it is stored: nobody could watch the job past it. */
function checkSize(payload: EventEntry['payload']): void {
  const bytes = JobEvent.encode(JobEvent.create({ payload })).finish().length;
  if (bytes <= MOST_EVENT_BYTES) return;
  throw new PrunecastError('MESSAGE_TOO_LARGE', `a "${payload.$case}" event of ${bytes} bytes exceeds the message limit of ${MAX_MESSAGE_BYTES}`, { metadata: { bytes: String(bytes) } });
}

async function observe(run: () => Promise<JobResult>): Promise<Outcome> {
  try {
    return { kind: 'succeeded', result: await run() };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** Resolves when a run has had its time to end after the signal; never when the signal does not fire. */
function cancelledTooLong(signal: AbortSignal, graceMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => setTimeout(() => resolve({ kind: 'cancelled' }), graceMs).unref(), { once: true });
  });
}

function describeEnd(outcome: Outcome, log: Logger): Extract<NonNullable<JobEvent['payload']>, { $case: 'ended' }>['value'] {
  switch (outcome.kind) {
    case 'succeeded': return { state: JobState.SUCCEEDED, error: undefined, result: outcome.result };
    case 'failed': return { state: JobState.FAILED, error: encodeStatus(outcome.error, log), result: undefined };
    case 'cancelled': return { state: JobState.CANCELLED, error: encodeStatus(cancelled(), log), result: undefined };
  }
}

function cancelled(): PrunecastError {
  return new PrunecastError('CANCELLED', 'the job was cancelled');
}
