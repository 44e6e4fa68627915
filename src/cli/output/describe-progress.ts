import { JobState, type Job } from '../../client/index.js';
import { formatProgress, withoutPace } from './progress.js';

/** How far a job is, or was when it stopped; of one that has succeeded the state tells all. */
export function describeProgress({ state, progress }: Pick<Job, 'state' | 'progress'>): string {
  if (progress === undefined || state === JobState.SUCCEEDED) return '';
  const hasStopped = state === JobState.FAILED || state === JobState.CANCELLED;
  return formatProgress(hasStopped ? { ...withoutPace(progress), overall: undefined } : progress);
}
