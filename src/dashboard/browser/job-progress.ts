import { describeActivity, describePlace, shareOf } from '../describe-progress.js';
import type { Job } from '../messages.js';
import { element } from './element.js';
import { createProgressBar } from './progress-bar.js';

/** How far a job is while it runs: a bar for the whole, and one for what it does now. */
export function createJobProgress(): { readonly node: HTMLElement; show(job: Job): void } {
  const whole = createProgressBar('Progress of the whole job');
  const activity = createProgressBar('Progress of what the job does now');
  return {
    node: element('section', { class: 'now', 'aria-label': 'Progress' }, whole.node, activity.node),
    show: ({ state, progress }) => {
      const now = state === 'JOB_STATE_RUNNING' ? progress : undefined;
      whole.node.hidden = now?.phase === undefined;
      activity.node.hidden = now === undefined;
      if (now === undefined) return;
      whole.show(describePlace(now), { share: now.overall });
      activity.show(describeActivity(now), { share: shareOf(now) });
    },
  };
}
