import { enumForm } from './enum-form.js';
import type { RequestFlag } from './request-flag.js';
import { parseCount } from './values.js';

/**
 * Flags that say how a text is cut into windows.
 *
 * @param field path of the `WindowProtocol`
 */
export function windowFlags(field: string): RequestFlag[] {
  return [
    {
      flags: '--window <TOKENS>',
      summary: 'tokens per window, BOS included',
      field: `${field}.window`,
      parse: parseCount,
    },
    {
      flags: '--stride <TOKENS>',
      summary: 'tokens from the start of one window to the start of the next',
      field: `${field}.stride`,
      parse: parseCount,
    },
    { flags: '--bos', summary: 'put BOS first in each window', field: `${field}.bos` },
    {
      flags: '--windows-preset <NAME>',
      summary: 'a published convention: wikitext2-2048, llm-pruner-128 or document-wise; other flags win',
      field: `${field}.preset`,
      ...enumForm('WINDOW_PRESET', ['wikitext2-2048', 'llm-pruner-128', 'document-wise']),
    },
  ];
}

/** The arithmetic of an evaluation, by name. */
export const PRECISION = enumForm('PRECISION', ['float32', 'int8']);
