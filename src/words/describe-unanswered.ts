import { JobState } from '../gen/prunecast/v1/job.js';
import type { Study } from '../gen/prunecast/v1/study.js';
import { formatCount } from './format.js';

/** What became of a study that has no report, in one sentence. */
export function describeUnanswered({ state, trials }: Pick<Study, 'state' | 'trials'>): string {
  const measured = `${formatCount(trials)} measured ${trials === 1 ? 'architecture' : 'architectures'}`;
  switch (state) {
    // A search that has succeeded has a report.
    case JobState.SUCCEEDED:
      return `This study is a set of ${measured} to fit predictors on: it looked for no winner.`;
    case JobState.FAILED:
      return `There is no answer: the study failed after ${measured}.`;
    case JobState.CANCELLED:
      return `There is no answer: the study was cancelled after ${measured}.`;
    case JobState.QUEUED:
      return 'There is no answer yet: the study waits in the queue.';
    case JobState.PAUSED:
      return `There is no answer yet: the study is paused after ${measured}.`;
    default:
      return `There is no answer yet: the study is running, with ${measured} so far.`;
  }
}
