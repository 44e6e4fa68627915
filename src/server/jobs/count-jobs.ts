import type { Logger } from 'pino';
import type { JobChange, JobState, JobStore } from '../../core/ports/job-store.js';
import type { Telemetry } from '../../core/ports/telemetry.js';
import type { JobEventLog } from './events.js';

export interface CountSettings {
  readonly store: { readonly jobs: Pick<JobStore, 'get'> };
  readonly telemetry: Pick<Telemetry, 'jobChanged'>;
  readonly log: Logger;
  readonly nameKind: (kind: number) => string;
}

/** The same log of events, which also counts what states jobs come into. A failure to count costs no event. */
export function countJobs(events: JobEventLog, { store, telemetry, log, nameKind }: CountSettings): JobEventLog {
  const count = async (jobId: string, change: JobChange | undefined): Promise<void> => {
    const state = change && stateAfter(change);
    if (state === undefined) return;
    try {
      const job = await store.jobs.get(jobId);
      // An event may have been dropped: its job had ended, or was another server's.
      if (job.state === state) telemetry.jobChanged(nameKind(job.kind), state);
    } catch (error) {
      log.error({ err: error, job_id: jobId }, 'a job was not counted');
    }
  };
  return {
    ...events,
    create: async (job, first, lease) => {
      const held = await events.create(job, first, lease);
      await count(held.jobId, first.change);
      return held;
    },
    append: async (entries) => {
      const appended = await events.append(entries);
      // Jobs that wait are told their new places: no change of state.
      for (const { jobId, change } of entries) if (change.to !== 'queued') await count(jobId, change);
      return appended;
    },
    commit: async (job, records) => {
      const isStored = await events.commit(job, records);
      const last = records.findLast((record) => record.kind === 'event');
      if (isStored) await count(job.jobId, last?.change);
      return isStored;
    },
  };
}

/** `undefined` for an event that changes no state. */
function stateAfter({ to }: JobChange): JobState | undefined {
  return to === 'progress' || to === 'worked' ? undefined : to;
}
