import type { JobContext, JobOutcome } from '../kinds/job-context.js';
import type { OpenModel } from './open-models.js';

/**
 * Runs a job's work on a model. The checkpoint must be the one that the request was checked against, both before and
 * after the work. If it has changed, MODEL_CHANGED is thrown, even if the work failed with another error. The model
 * stays open meanwhile.
 */
export function workOn(
  { language }: OpenModel,
  run: (context: JobContext) => Promise<JobOutcome>,
): (context: JobContext) => Promise<JobOutcome> {
  return async (context) => {
    const { files } = language.checkpoint;
    const release = language.hold();
    try {
      await files.requireUnchanged(context.signal);
      const outcome = await run(context).catch(async (error: unknown) => {
        if (!context.signal.aborted) await files.requireUnchanged(context.signal);
        throw error;
      });
      await files.requireUnchanged(context.signal);
      return outcome;
    } finally {
      release();
    }
  };
}
