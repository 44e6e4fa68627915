import { formatTime } from '../format.js';
import type { JobEvent } from '../messages.js';
import { element } from './element.js';

/** The most lines that are shown; older ones leave. */
const MOST_LINES = 200;

/** What happened, the newest first. */
export interface EventLog {
  readonly node: HTMLElement;
  /** @param text undefined for what is no line of its own */
  add(event: JobEvent, text: string | undefined): void;
  note(text: string): void;
}

export function createEventLog(): EventLog {
  const lines = element('ol', { class: 'log', tabindex: '0', 'aria-labelledby': 'log' });
  const write = (time: string | undefined, text: string): void => {
    const when = element(
      'time',
      time === undefined ? {} : { datetime: time },
      time === undefined ? '' : formatTime(time),
    );
    lines.prepend(element('li', {}, when, element('span', {}, text)));
    while (lines.childElementCount > MOST_LINES) lines.lastElementChild?.remove();
  };
  return {
    node: element('section', {}, element('h2', { id: 'log' }, 'What happened'), lines),
    add: ({ time }, text) => {
      if (text !== undefined) write(time, text);
    },
    note: (text) => write(undefined, text),
  };
}
