import type { JobState } from './messages.js';

/** Whether a job has ended. */
export function hasEnded(state: JobState): boolean {
  return state === 'JOB_STATE_SUCCEEDED' || state === 'JOB_STATE_FAILED' || state === 'JOB_STATE_CANCELLED';
}
