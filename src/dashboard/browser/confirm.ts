import { element } from './element.js';

interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button says that does it. */
  readonly yes: string;
  readonly no: string;
}

/** Asks in a dialog; whether the answer was yes. Escape is no. */
export function confirm({ title, text, yes, no }: Question): Promise<boolean> {
  const stay = element('button', { value: 'no', autofocus: true }, no);
  const go = element('button', { value: 'yes', class: 'danger' }, yes);
  const heading = element('h2', { id: 'question' }, title);
  const dialog = element(
    'dialog',
    { 'aria-labelledby': 'question' },
    element(
      'form',
      { method: 'dialog' },
      heading,
      element('p', {}, text),
      element('p', { class: 'actions' }, stay, go),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    dialog.showModal();
  });
}
