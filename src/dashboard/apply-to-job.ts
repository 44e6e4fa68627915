import type { Job, JobEvent, Status } from './messages.js';

/** A job after an event that is newer than what is known of it; an older event changes nothing. */
export function applyToJob(job: Job, event: JobEvent): Job {
  const sequence = Number(event.sequence ?? 0);
  if (sequence <= Number(job.lastSequence ?? 0)) return job;
  const known: Job = { ...job, lastSequence: String(sequence) };
  const { progress, queued, started, paused, ended } = event;
  if (progress !== undefined) return { ...known, progress };
  const { error: _, ...free } = known;
  if (queued !== undefined) return { ...free, state: 'JOB_STATE_QUEUED', queuePlace: queued.place ?? 0 };
  if (started !== undefined) return { ...free, state: 'JOB_STATE_RUNNING' };
  if (paused !== undefined) return { ...free, state: 'JOB_STATE_PAUSED', ...errorOf(paused) };
  if (ended !== undefined) return { ...free, state: ended.state, ...errorOf(ended) };
  return known;
}

function errorOf({ error }: { readonly error?: Status }): Pick<Job, 'error'> {
  return error === undefined ? {} : { error };
}
