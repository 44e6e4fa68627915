import type { Logger } from 'pino';
import type { Clock } from '../../core/ports/clock.js';
import { isEnded, type JobChange, type JobState, type JobStore, type StoredJob } from '../../core/ports/job-store.js';
import type { Telemetry } from '../../core/ports/telemetry.js';
import { describeOrigin } from './describe-origin.js';
import type { JobEventLog } from './events.js';

export interface ObserveSettings {
  readonly store: { readonly jobs: Pick<JobStore, 'get'> };
  readonly telemetry: Pick<Telemetry, 'jobChanged' | 'jobsCounted' | 'jobStarted' | 'jobEnded'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nameKind: (kind: number) => string;
  /** What the stored error of a job says, for the log. */
  readonly describeError: (error: Uint8Array) => Readonly<Record<string, unknown>>;
}

/** A job of this server that waits or runs. */
interface Watched {
  readonly kind: string;
  readonly isRunning: boolean;
  /** When it came into the queue, or began to run. */
  readonly sinceMs: number;
}

/**
 * The same log of events, which also counts and logs what states jobs come into. A failure to count costs no event.
 */
export function observeJobs(
  events: JobEventLog,
  { store, telemetry, clock, log, nameKind, describeError }: ObserveSettings,
): JobEventLog {
  const watched = new Map<string, Watched>();
  const counted = new Set<string>();
  const recount = (): void => {
    const all = [...watched.values()];
    for (const { kind } of all) counted.add(kind);
    for (const kind of counted) {
      const own = all.filter((job) => job.kind === kind);
      const running = own.filter(({ isRunning }) => isRunning).length;
      telemetry.jobsCounted(kind, { waiting: own.length - running, running });
    }
  };
  const tell = (job: StoredJob, state: JobState): void => {
    const kind = nameKind(job.kind);
    const known = watched.get(job.id);
    const seconds = known === undefined ? 0 : Math.max(0, clock.now() - known.sinceMs) / 1000;
    const line = log.child({
      job_id: job.id,
      kind,
      caller: job.caller,
      ...(job.origin && describeOrigin(job.origin)),
      ...(job.requestId !== '' && { job_request_id: job.requestId }),
      ...(job.studyId !== '' && { study_id: job.studyId }),
    });
    telemetry.jobChanged(kind, state);
    if (state === 'queued') {
      watched.set(job.id, { kind, isRunning: false, sinceMs: clock.now() });
      line.info({ place: job.queuePlace }, 'job queued');
    } else if (state === 'running') {
      const waitedSeconds = known?.isRunning === false ? seconds : 0;
      watched.set(job.id, { kind, isRunning: true, sinceMs: clock.now() });
      telemetry.jobStarted(kind, waitedSeconds);
      line.info({ waited_seconds: waitedSeconds }, 'job started');
    } else {
      watched.delete(job.id);
      if (isEnded(state) && known?.isRunning === true) telemetry.jobEnded(kind, state, seconds);
      const error = job.error === undefined ? {} : describeError(job.error);
      line[state === 'failed' || (state === 'paused' && job.error !== undefined) ? 'warn' : 'info'](
        { state, code: 'OK', ...(known?.isRunning === true && { seconds }), ...error },
        isEnded(state) ? 'job ended' : 'job paused',
      );
    }
    recount();
  };
  const observe = async (jobId: string, change: JobChange | undefined): Promise<void> => {
    const state = change && stateAfter(change);
    if (state === undefined) return;
    try {
      // Jobs that wait are told their new places: no change of state, but for one that an earlier server left.
      if (state === 'queued' && watched.get(jobId)?.isRunning === false) return;
      const job = await store.jobs.get(jobId);
      // An event may have been dropped: its job had ended, or was another server's.
      if (job.state === state) tell(job, state);
    } catch (error) {
      log.error({ err: error, job_id: jobId }, 'a job was not counted');
    }
  };
  return {
    ...events,
    create: async (job, first, lease) => {
      const held = await events.create(job, first, lease);
      await observe(held.jobId, first.change);
      return held;
    },
    append: async (entries) => {
      const appended = await events.append(entries);
      for (const { jobId, change } of entries) await observe(jobId, change);
      return appended;
    },
    commit: async (job, records) => {
      const isStored = await events.commit(job, records);
      const last = records.findLast((record) => record.kind === 'event');
      if (isStored) await observe(job.jobId, last?.change);
      return isStored;
    },
  };
}

/** `undefined` for an event that changes no state. */
function stateAfter({ to }: JobChange): JobState | undefined {
  return to === 'progress' || to === 'worked' ? undefined : to;
}
