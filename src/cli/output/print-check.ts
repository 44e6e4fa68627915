import type { Printer } from './printer.js';

/** As a process of checks prints it. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly finding: string;
  readonly advice?: string;
}

/** One line for a check, and what to do under it. `quiet` leaves out those that are well. */
export function printCheck(
  { name, state, finding, advice }: Check,
  printer: Printer,
  { quiet = false }: { readonly quiet?: boolean | undefined },
): void {
  if (printer.format === 'json') return printer.json({ name, state, finding, ...(advice !== undefined && { advice }) });
  if (quiet && state === 'ok') return;
  const { green, yellow, red } = printer.colors;
  const paint = { ok: green, warn: yellow, fail: red }[state];
  const column = 19;
  printer.lines({ text: `${paint(state.padEnd(4))}  ${name.padEnd(11)}  ${finding}`, column });
  if (advice !== undefined) printer.lines({ text: `${' '.repeat(column)}${advice}`, column });
}
