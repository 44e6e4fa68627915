import { isRecord } from '../files/read-json.js';

/** A word that is no longer than this is not split: it is known from before, or merged at once. */
const MOST_UNSPLIT = 32;

/**
 * How byte pair encoding may take a long word in pieces and still come to the same tokens. A tokenizer that does not
 * split a text into words (those of Llama 1 and 2, and of the demo model) takes all of it as one word, in which each
 * merge then looks for the next one among millions.
 *
 * A merge joins two neighbouring strings of the word that are a pair of `merges`. So where no pair of them has its left
 * part end with the one character and its right part begin with the other, nothing is ever joined, and what lies on
 * either side is merged as if it were alone.
 *
 * @param model of tokenizer.json
 * @returns undefined if the model is not byte pair encoding, or treats a word as a whole (`ignore_merges`, a suffix at
 * its end or a prefix within)
 */
export function splitAtJoins(model: unknown): ((word: string) => Iterable<string>) | undefined {
  if (!isRecord(model) || !mergesAnywhere(model) || !Array.isArray(model['merges'])) return undefined;
  const { merges } = model;
  let joins: ReadonlySet<number> | undefined; // of half a million merges only if a text needs them
  return (word) => (word.length <= MOST_UNSPLIT ? [word] : cutPieces(word, (joins ??= listJoins(merges))));
}

function mergesAnywhere(model: Readonly<Record<string, unknown>>): boolean {
  const isUnset = (key: string): boolean => [undefined, null, '', false].includes(model[key] as string | undefined);
  return (
    model['type'] === 'BPE' &&
    ['ignore_merges', 'end_of_word_suffix', 'continuing_subword_prefix', 'continuing_subword_suffix'].every(isUnset)
  );
}

function* cutPieces(word: string, joins: ReadonlySet<number>): Generator<string, undefined> {
  let [from, at, before] = [0, 0, -1];
  for (const character of word) {
    const code = character.codePointAt(0) ?? 0;
    if (before >= 0 && !joins.has(pairUp(before, code))) {
      yield word.slice(from, at);
      from = at;
    }
    at += character.length;
    before = code;
  }
  yield word.slice(from);
}

/** Where merges join: the last character of the left part with the first of the right one. */
function listJoins(merges: readonly unknown[]): ReadonlySet<number> {
  const joins = new Set<number>();
  for (const merge of merges) {
    const [left, right] = (typeof merge === 'string' ? merge.split(' ', 2) : merge) as [string, string];
    joins.add(pairUp(lastCharacter(left), right.codePointAt(0) ?? 0));
  }
  return joins;
}

/** More than any code point. */
const CODE_POINTS = 2 ** 21;

/** Two characters as one number. */
function pairUp(left: number, right: number): number {
  return left * CODE_POINTS + right;
}

function lastCharacter(text: string): number {
  const pair = text.codePointAt(text.length - 2) ?? 0;
  return pair > 0xffff ? pair : text.charCodeAt(text.length - 1);
}
