import type { JobState } from '../messages.js';
import { element, setText } from './element.js';
import { formatEnum } from '../format.js';

/** The state of a job, in a word and a colour. */
export function createStateBadge(): { readonly node: HTMLElement; show(state: JobState): void } {
  const node = element('span', { class: 'badge' });
  return {
    node,
    show: (state) => {
      setText(node, formatEnum(state, 'JOB_STATE_'));
      node.dataset['state'] = formatEnum(state, 'JOB_STATE_');
    },
  };
}
