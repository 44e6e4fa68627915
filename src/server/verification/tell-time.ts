import type { WorkContext } from '../../core/ports/work-context.js';
import { workContext, type PartContext } from '../kinds/job-context.js';

const INTERVAL_MS = 1000;

/**
 * Tells of a work how far it is; while it does not say so itself, as a runtime that loads a file, for how many seconds it
 * goes on.
 */
export async function tellTime<Result>(
  context: PartContext,
  activity: string,
  begin: (work: WorkContext) => Promise<Result>,
): Promise<Result> {
  const { report, ...work } = workContext(context, activity);
  let silent = 0;
  let seconds = 0;
  context.progress({ activity, unit: '', done: 0, total: 0 });
  const timer = setInterval(() => {
    seconds += 1;
    silent += 1;
    if (silent > 1) context.progress({ activity, unit: 'seconds', done: seconds, total: 0 });
  }, INTERVAL_MS);
  try {
    return await begin({
      ...work,
      report: (progress) => {
        silent = 0;
        report?.(progress);
      },
    });
  } finally {
    clearInterval(timer);
  }
}
