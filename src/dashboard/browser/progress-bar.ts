import { element, setText } from './element.js';

/** A bar with a text beside it. */
export interface ProgressBar {
  readonly node: HTMLElement;
  /**
   * @param bar left out for none; its share from 0 to 1 is undefined if it is unknown, and the bar then says only that
   *   there is progress
   */
  show(text: string, bar?: { readonly share: number | undefined }): void;
}

/** @param label what the bar is of, for a screen reader */
export function createProgressBar(label: string): ProgressBar {
  const progress = element('progress', { max: '1', 'aria-label': label });
  const words = element('span', { class: 'progress-text' });
  return {
    node: element('div', { class: 'progress' }, progress, words),
    show: (text, bar) => {
      progress.hidden = bar === undefined;
      if (bar?.share === undefined) progress.removeAttribute('value');
      else progress.value = bar.share;
      setText(words, text);
    },
  };
}
