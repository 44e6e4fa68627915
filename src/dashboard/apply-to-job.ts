import type { Job, JobEvent } from './messages.js';

/** A job after an event that is newer than what is known of it; an older event changes nothing. */
export function applyToJob(job: Job, event: JobEvent): Job {
  const sequence = Number(event.sequence ?? 0);
  if (sequence <= Number(job.lastSequence ?? 0)) return job;
  const known: Job = { ...job, lastSequence: String(sequence) };
  const { progress, queued, started, paused, ended } = event;
  if (progress !== undefined) return { ...known, progress };
  if (queued !== undefined) return { ...known, state: 'JOB_STATE_QUEUED', queuePlace: queued.place ?? 0 };
  if (started !== undefined) return { ...known, state: 'JOB_STATE_RUNNING' };
  if (paused !== undefined) return { ...known, state: 'JOB_STATE_PAUSED' };
  if (ended !== undefined)
    return { ...known, state: ended.state, ...(ended.error === undefined ? {} : { error: ended.error }) };
  return known;
}
