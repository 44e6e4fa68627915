import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { orAborted } from '../../core/or-aborted.js';
import { withAnySignal } from '../../core/with-any-signal.js';
import {
  isEnded,
  type JobStore,
  type LeaseOwner,
  type LeaseStore,
  type StoredJob,
} from '../../core/ports/job-store.js';
import { ANONYMOUS } from '../../core/ports/authenticator.js';
import { repeatUntil } from './repeat-until.js';
import type { Jobs } from './jobs.js';
import { createJobLeases } from './leases.js';
import { createReadyJobs, reportTo, type QueueSettings } from './queue.js';
import { createRecovery, type RecoverySettings } from './recovery.js';
import { describeCancelled } from './runner.js';
import { createStorageWaits, findStorageFault, type StorageWaitSettings } from './storage-waits.js';

export interface JobSettings
  extends Omit<QueueSettings, 'leases' | 'waits'>,
    Pick<RecoverySettings, 'kinds' | 'interruptedJobs' | 'nameKind'>,
    Pick<StorageWaitSettings, 'room' | 'mostWaitMs'> {
  readonly store: { readonly jobs: JobStore; readonly leases: LeaseStore };
  readonly owner: LeaseOwner;
  /** How long a lease runs unless it is renewed. */
  readonly leaseMs: number;
  /** Removes what earlier runs of a job have left in files: it was cancelled, and does not go on. */
  readonly discard: (jobId: string) => Promise<void>;
  /** A new id for a job, or for a turn in the queue. */
  readonly createId: (prefix: 'job' | 'turn') => string;
}

/** Jobs with what only the server itself may ask of them. */
export interface JobRunner extends Jobs {
  /**
   * Takes up the jobs that an earlier server left unfinished: they wait for their turn, or for ResumeJob, as
   * configured. Those without a stored request end as failed, SERVER_RESTARTED; those that three servers in a row ended
   * with, as failed, JOB_POISONED. To be called before any start.
   */
  recover(): Promise<void>;
  /** Starts what `recover` took up; from now on leases are renewed, and those that ran out elsewhere are taken. */
  begin(): Promise<void>;
  /**
   * After `stopping` has fired: waits until all runs have settled, or were left behind. The next server recovers the
   * unfinished jobs.
   */
  settled(): Promise<void>;
}

/** How often a lease is renewed before it would run out. */
const RENEWALS = 4;

export function createJobs({
  store,
  owner,
  leaseMs,
  kinds,
  interruptedJobs,
  nameKind,
  discard,
  createId,
  room,
  mostWaitMs,
  ...settings
}: JobSettings): JobRunner {
  const { events, codec, queue, clock, log, stopping } = settings;
  const { jobs } = store;
  const leases = createJobLeases({ ...store, owner, clock, leaseMs });
  const waits = createStorageWaits({ room, codec, mostWaitMs });
  const ready = createReadyJobs({ ...settings, leases, waits });
  const recovery = createRecovery({ ...settings, jobs, kinds, interruptedJobs, nameKind, leases, ready, waits });
  const { serialize, running } = ready;

  let when: 'at-start' | 'meanwhile' = 'at-start';
  const takeUp = async (): Promise<void> => {
    await recovery.takeUp(when);
    when = 'meanwhile';
  };
  /** A server starts on a full disk too: what cannot be stored now is tried again with the leases. */
  const orLater = (error: unknown): void => {
    if (findStorageFault(error) === undefined) throw error;
    log.error({ err: error }, 'jobs were not taken up; it is tried again');
  };

  const findByRequestId: Jobs['findByRequestId'] = async (requestId, requestDigest) => {
    const found = requestId === '' ? undefined : await jobs.findByRequestId(requestId);
    if (found && found.requestDigest !== requestDigest) throw describeReused(requestId, found.jobId);
    return found?.jobId;
  };

  /** Leases are renewed until the runs have settled. */
  const haveSettled = new AbortController();

  /**
   * Each by itself: on a full disk a lease cannot be renewed, and jobs that wait are to start as soon as there is room.
   */
  const beat = async (): Promise<void> => {
    for (const step of [recovery.renew, takeUp, ready.startNext])
      await step().catch(reportTo(log, 'leases were not renewed, or jobs not taken up'));
  };

  return {
    start: ({
      kind,
      requestId,
      requestDigest,
      request,
      studyId = '',
      labels = {},
      caller = ANONYMOUS,
      origin,
      openedSeconds = 0,
      signal,
      run,
      lane,
    }) =>
      serialize(async () => {
        stopping.throwIfAborted();
        signal?.throwIfAborted();
        const known = await findByRequestId(requestId, requestDigest);
        if (known !== undefined) return { jobId: known, origin: 'attached' };
        const jobId = createId('job');
        const queued = { jobId, lane, kind: nameKind(kind), caller, bytes: request?.bytes.length ?? 0 };
        const place = await queue.admit(queued);
        try {
          const held = await events.create(
            {
              id: jobId,
              kind,
              requestId,
              requestDigest,
              request,
              studyId,
              labels,
              caller,
              ...(origin !== undefined && { origin }),
              createdMs: clock.now(),
            },
            place === 0 ? codec.started() : codec.queued(place),
            leases.next(),
          );
          const job = { held, run, queued, opened: { seconds: openedSeconds }, origin };
          if (place === 0) ready.launch(job);
          else {
            ready.wait(job);
            await ready.tellOvertaken(jobId);
          }
        } catch (error) {
          await queue.remove(jobId);
          throw error;
        }
        return { jobId, origin: 'started' };
      }),
    findByRequestId,
    get: (jobId) => jobs.get(jobId),
    request: async (jobId) => (await jobs.request(jobId))?.bytes,
    newestEvent: async ({ id, lastSequence }) => (await jobs.eventsAfter(id, lastSequence - 1, 1))[0],
    list: (query) => jobs.list(query),
    cancel: async (jobId) => {
      await serialize(async () => {
        if (running.has(jobId)) return;
        // A paused job has no lease: take it first. Ended or unknown jobs: nothing to do.
        const held = ready.waiting.get(jobId)?.held ?? (await leases.takeOpen(jobId));
        if (held === undefined) return;
        await events.append([
          { ...held, ...codec.cancelled(describeCancelled(), log) },
          ...(ready.waiting.has(jobId) ? await ready.tellPlacesBehind(jobId) : []),
        ]);
        await ready.leave(jobId);
        await discard(jobId).catch(reportTo(log, 'the files of a cancelled job were not removed'));
      });
      const job = running.get(jobId);
      job?.controller.abort(describeCancelled());
      await job?.told;
      return jobs.get(jobId);
    },
    resume: async (jobId, input, signal) => {
      const paused = await jobs.get(jobId);
      const restored = paused.state === 'paused' ? await recovery.restore(paused) : undefined;
      if (restored === undefined) throw describeNotResumable(paused);
      const brought = await orAborted(restored.resume(input, signal), signal);
      return serialize(async () => {
        stopping.throwIfAborted();
        signal.throwIfAborted();
        // Another caller may have resumed it meanwhile; and the run that paused may still be on its way out.
        const job = await jobs.get(jobId);
        if (job.lastSequence !== paused.lastSequence) throw describeNotResumable(job);
        await running.get(jobId)?.left;
        const held = await leases.takeOpen(jobId);
        if (held === undefined) throw describeNotResumable(job);
        await ready.rejoin({ held, ...restored }, brought);
        await ready.startNext();
        return jobs.get(jobId);
      });
    },
    takeTurn: (work, { caller, signal }) =>
      withAnySignal([signal, stopping], async (either) => {
        const turnId = createId('turn');
        await queue.takeTurn({ turnId, caller }, either);
        try {
          return await orAborted(work(), either);
        } finally {
          await queue.endTurn(turnId);
          serialize(ready.startNext).catch(reportTo(log, 'the next job was not started'));
        }
      }),
    remove: (jobId) =>
      serialize(async () => {
        const { state } = await jobs.get(jobId);
        if (!isEnded(state))
          throw new PrunecastError('JOB_ACTIVE', `job ${jobId} has not ended: cancel it first`, {
            metadata: { job_id: jobId },
          });
        await jobs.remove(jobId);
      }),
    recover: () => serialize(takeUp).catch(orLater),
    begin: async () => {
      await serialize(ready.startNext).catch(orLater);
      // Where the store makes each wait, they do not add up before the calls that come meanwhile.
      repeatUntil(haveSettled.signal, {
        everyMs: leaseMs / RENEWALS,
        work: () => serialize(stopping.aborted ? recovery.renew : beat),
        failed: reportTo(log, 'leases were not renewed'),
      });
    },
    settled: async () => {
      await serialize(async () => undefined);
      await Promise.all([...running.values()].map(({ ended }) => ended));
      haveSettled.abort();
      // After a renewal that is under way.
      await serialize(() => leases.release());
    },
  };
}

function describeReused(requestId: string, jobId: string): PrunecastError {
  return new PrunecastError(
    'REQUEST_ID_REUSED',
    `request_id: "${requestId}" belongs to ${jobId}, which was asked for something else: use a new id`,
    {
      metadata: { request_id: requestId, job_id: jobId },
      violations: [{ field: 'request_id', description: 'belongs to a job with another request' }],
    },
  );
}

function describeNotResumable({ id, state }: StoredJob): PrunecastError {
  return new PrunecastError('JOB_NOT_RESUMABLE', `job ${id} is ${state}: only a paused one can be resumed`, {
    metadata: { job_id: id },
  });
}
