import type { Tokenizer } from '@huggingface/tokenizers';

/** What the library has for ByteLevel. */
interface ByteLevel {
  readonly add_prefix_space: boolean;
  readonly use_regex: boolean;
  readonly pattern: RegExp;
  pre_tokenize_text: (text: string) => string[];
}

/** A long text has 50,000 different words and more; the library remembers 10,000, and forgets those in between. */
const MOST_WORDS = 200_000;
/** Longer ones hardly come again. */
const MOST_CHARACTERS = 64;

/**
 * Has a tokenizer spell and merge each word once: the words of a text come again and again, and so 4 MB take 2 s in
 * place of 4.5. The tokens are the same.
 */
export function rememberWords({ model, pre_tokenizer: splitter }: Tokenizer): void {
  if (model !== null && 'cache' in model) {
    const merged = new Map<string, string[]>();
    // The library also sorts its words by when they came last, which takes longer than what it saves.
    Object.assign(model.cache as object, {
      get: (word: string) => merged.get(word),
      put: (word: string, tokens: string[]) => remember(merged, word, tokens),
    });
  }
  if (splitter !== null) rememberSpelling(splitter);
}

/** Byte-level tokenizers spell the bytes of each word as letters. */
function rememberSpelling(splitter: object): void {
  if ('tokenizers' in splitter && Array.isArray(splitter.tokenizers))
    for (const part of splitter.tokenizers as readonly object[]) rememberSpelling(part);
  if (!('byte_encoder' in splitter) || !('use_regex' in splitter)) return;
  const own = splitter as object as ByteLevel;
  const spell = own.pre_tokenize_text.bind({ ...own, use_regex: false, add_prefix_space: false });
  const spellings = new Map<string, string[]>();
  own.pre_tokenize_text = (text) => {
    const spaced = own.add_prefix_space && !text.startsWith(' ') ? ` ${text}` : text;
    const words = own.use_regex ? (spaced.match(own.pattern) ?? []) : [spaced];
    return words.flatMap((word) => {
      const known = spellings.get(word);
      if (known !== undefined) return known;
      const spelling = spell(word);
      remember(spellings, word, spelling);
      return spelling;
    });
  };
}

function remember<Value>(known: Map<string, Value>, word: string, value: Value): void {
  if (word.length <= MOST_CHARACTERS && known.size < MOST_WORDS) known.set(word, value);
}
