import type { WorkControl } from '../../core/ports/progress.js';
import type { JobContext } from './jobs.js';

/** A job as the control of one stretch of work: its signal stops it, its progress shows under `activity`. */
export function workControl(
  { signal, progress }: Pick<JobContext, 'signal' | 'progress'>,
  activity: string,
): WorkControl {
  return { signal, report: ({ what, done, total }) => progress({ activity, done, total, unit: what }) };
}
