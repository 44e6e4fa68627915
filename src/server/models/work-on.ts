import type { JobContext, JobOutcome } from '../kinds/job-context.js';
import type { OpenModel } from './open-models.js';

/**
 * Work on a model for a job: the checkpoint is what the request was checked against when the work begins, and when it ends.
 * Otherwise it throws MODEL_CHANGED, also in place of what a changed file has led to meanwhile. The model stays open until then.
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
