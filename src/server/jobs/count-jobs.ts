import type { Logger } from 'pino';
import type { Telemetry } from '../../core/ports/telemetry.js';
import { jobKindToJSON } from '../../gen/prunecast/v1/job.js';
import { nameState, type EventPayload, type JobRecords } from '../records/job-records.js';
import type { JobEventLog } from './job-events.js';

export interface CountSettings {
  readonly store: Pick<JobRecords, 'get'>;
  readonly telemetry: Pick<Telemetry, 'jobChanged'>;
  readonly log: Logger;
}

/** The same log of events, which also counts what states jobs come into. A failure to count costs no event. */
export function countJobs(events: JobEventLog, { store, telemetry, log }: CountSettings): JobEventLog {
  const count = async (jobId: string, payload: EventPayload | undefined): Promise<void> => {
    const state = payload && stateAfter(payload);
    if (state === undefined) return;
    try {
      const job = await store.get(jobId);
      // An event may have been dropped: its job had ended, or was another server's.
      if (nameState(job.state) === state) telemetry.jobChanged(jobKindToJSON(job.kind).replace('JOB_KIND_', ''), state);
    } catch (error) {
      log.error({ err: error, job_id: jobId }, 'a job was not counted');
    }
  };
  return {
    ...events,
    create: async (job, first, lease) => {
      const held = await events.create(job, first, lease);
      await count(held.jobId, first);
      return held;
    },
    append: async (entries) => {
      const appended = await events.append(entries);
      // Jobs that wait are told their new places: no change of state.
      for (const { jobId, payload } of entries) if (payload.$case !== 'queued') await count(jobId, payload);
      return appended;
    },
    commit: async (job, payloads, records) => {
      const isStored = await events.commit(job, payloads, records);
      if (isStored) await count(job.jobId, payloads.at(-1));
      return isStored;
    },
  };
}

/** `undefined` for an event that changes no state. */
function stateAfter(payload: EventPayload) {
  switch (payload.$case) {
    case 'queued':
      return 'queued';
    case 'started':
      return 'running';
    case 'paused':
      return 'paused';
    case 'ended':
      return nameState(payload.value.state);
    default:
      return undefined;
  }
}
