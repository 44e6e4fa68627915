import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEMO_DIRECTORY } from './demo-model.js';

/** The demo model's tokenizer.json with other parts. */
export function changeTokenizer(parts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    ...(JSON.parse(readFileSync(join(DEMO_DIRECTORY, 'tokenizer.json'), 'utf8')) as Record<string, unknown>),
    ...parts,
  };
}

/** Splits at an expression that goes through all ways to cut a run of letters up, 2^39 for this text, before it gives up. */
export const ENDLESS = changeTokenizer({
  pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false },
});
export const ENDLESS_TEXT = `${'a'.repeat(40)}!`;

/** Makes a text of 20 million characters of one of 20. */
export const SWELLING = changeTokenizer({
  normalizer: { type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(1_000_000) },
});
export const SWELLING_TEXT = 'a'.repeat(20);
