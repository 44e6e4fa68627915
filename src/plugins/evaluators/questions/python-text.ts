/**
 * What Python counts as white space (str.isspace). lm-evaluation-harness strips by it, and JavaScript's `trim` differs
 * in six characters.
 */
const SPACE = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const LEADING = new RegExp(`^${SPACE}+`);
const TRAILING = new RegExp(`(?<!${SPACE})${SPACE}+$`);

/** A text without white space at its ends, as by Python's `strip`. */
export function stripSpace(text: string): string {
  return text.replace(TRAILING, '').replace(LEADING, '');
}

/** A text in two: up to its trailing white space, and that. */
export function splitTrailingSpace(text: string): readonly [body: string, space: string] {
  const body = text.replace(TRAILING, '');
  return [body, text.slice(body.length)];
}

/** Characters as Python counts them: code points, not UTF-16 units. */
export function countCharacters(text: string): number {
  let characters = 0;
  for (const _ of text) characters += 1;
  return characters;
}
