import { element } from './element.js';

/** For this tab alone, until it is closed. */
const KEY = 'prunecast-authorization';

/** Who calls, as the value of the Authorization header; undefined if nobody was asked. */
export function readIdentity(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

/** Asks who calls; whether an answer was given. */
export function askIdentity(): Promise<boolean> {
  const input = element('input', { id: 'identity', type: 'password', autocomplete: 'off', required: true });
  const title = element('h2', { id: 'identity-title' }, 'Who are you?');
  const dialog = element(
    'dialog',
    { 'aria-labelledby': title.id },
    element(
      'form',
      { method: 'dialog' },
      title,
      element('label', { for: input.id }, 'This server lets in only those it knows. Your token:'),
      input,
      element('p', { class: 'actions' }, element('button', { value: 'yes' }, 'Go on')),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      const isGiven = dialog.returnValue === 'yes' && input.value !== '';
      if (isGiven) sessionStorage.setItem(KEY, input.value.includes(' ') ? input.value : `Bearer ${input.value}`);
      resolve(isGiven);
    });
    dialog.showModal();
  });
}
