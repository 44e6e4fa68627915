import type { Tokenizer } from '@huggingface/tokenizers';

/** Between two reports. */
const INTERVAL_MS = 200;

/** The model of a tokenizer, as far as it is watched here: a function of the words that a text was split into. */
type WordModel = (words: readonly string[]) => unknown;

/**
 * Has a tokenizer tell how many characters its model has taken so far, in all texts, as it goes through their words.
 * Splitting a text into words comes before and tells nothing.
 *
 * @param split cuts a word into pieces that give the same tokens; without it, a tokenizer that does not split a text
 * tells nothing at all
 */
export function countWords(
  tokenizer: Tokenizer,
  tell: (characters: number) => void,
  split: (word: string) => Iterable<string> = (word) => [word],
): void {
  let [taken, toldMs] = [0, performance.now()];
  const count = function* (words: Iterable<string>): Generator<string, undefined> {
    for (const word of words)
      for (const piece of split(word)) {
        yield piece;
        taken += piece.length;
        if (performance.now() - toldMs < INTERVAL_MS) continue;
        toldMs = performance.now();
        tell(taken);
      }
  };
  // The library calls it, and reads its tables: it stays what it is but for the words that it is given.
  tokenizer.model = new Proxy(tokenizer.model as NonNullable<typeof tokenizer.model> & WordModel, {
    apply: (model, self, [words]: [readonly string[]]) => {
      const counted = Object.defineProperty([...words], Symbol.iterator, { value: () => count(words) });
      return Reflect.apply(model, self, [counted]);
    },
  });
}
