import type { WorkContext } from '../../core/ports/work-context.js';
import type { JobContext } from './jobs.js';

/** The context of one stretch of a job: the signal of the job stops it, its progress shows under `activity`. */
export function workContext(
  { signal, progress }: Pick<JobContext, 'signal' | 'progress'>,
  activity: string,
): WorkContext {
  return { signal, report: ({ what, done, total }) => progress({ activity, done, total, unit: what }) };
}
