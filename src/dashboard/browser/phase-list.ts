import { formatCount, formatDuration } from '../../words/format.js';
import { formatEnum } from '../format.js';
import type { JobPhase } from '../messages.js';
import { element, setText } from './element.js';
import { createKeyedRows } from './keyed-rows.js';

/** The phases of a job, in order, and how far each is. */
export function createPhaseList(): { readonly node: HTMLElement; show(phases: readonly JobPhase[]): void } {
  const list = element('ol', { class: 'phases', 'aria-labelledby': 'phases' });
  const node = element('section', {}, element('h2', { id: 'phases' }, 'Phases'), list);
  const rows = createKeyedRows<JobPhase>(list, {
    keyOf: ({ name, round = 0 }) => `${name} ${round}`,
    make: ({ name, round = 0 }) => {
      const state = element('span', { class: 'phase-state' });
      const row = element('li', {}, element('b', {}, round > 0 ? `${name}, round ${round}` : name), ' ', state);
      return {
        node: row,
        show: (phase) => {
          row.dataset['state'] = formatEnum(phase.state, 'JOB_PHASE_STATE_');
          if (row.dataset['state'] === 'running') row.setAttribute('aria-current', 'step');
          else row.removeAttribute('aria-current');
          setText(state, describePhase(phase));
        },
      };
    },
  });
  return {
    node,
    show: (phases) => {
      node.hidden = phases.length === 0;
      rows.show(phases);
    },
  };
}

function describePhase({ state, done = '0', total = '0', unit = '', elapsedSeconds = 0 }: JobPhase): string {
  const name = formatEnum(state, 'JOB_PHASE_STATE_');
  const counts =
    name !== 'pending' && name !== 'skipped' && Number(total) > 0
      ? `${formatCount(Number(done))} of ${formatCount(Number(total))} ${unit}`
      : '';
  const time = elapsedSeconds >= 1 ? formatDuration(elapsedSeconds) : '';
  return [name === 'done' ? '' : name, counts, time].filter((part) => part !== '').join(', ') || name;
}
