import type { RequestFlag } from './request-flag.js';

/** A flag that names a text: a file, or the text itself after `@`. */
export function textFlag(
  name: string,
  field: string,
  summary: string,
  more: Pick<RequestFlag, 'required' | 'showsNoDefault'> = {},
): RequestFlag {
  return { flags: `${name} <FILE|@TEXT>`, summary, field, place: 'text', ...more };
}
