import { TOKENIZER_FILE } from '../files/file-names.js';
import { unsupported } from '../files/model-errors.js';

/**
 * What counts as part of a word around an added token: `\w` of the Rust library behind tokenizer.json (UTS 18, annex
 * C).
 */
const WORD_CHARACTER = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/** Characters around the place that a message shows. */
const AROUND = 12;

/**
 * Refuses a text that contains, within a word, an added token that must match only whole words (`single_word`): the
 * library that tokenizes would match it there and give other tokens than transformers.
 *
 * Throws MODEL_UNSUPPORTED, which names the token and the place.
 */
export function requireWholeWords(text: string, tokens: readonly string[]): void {
  for (const token of tokens) {
    if (token === '') continue;
    for (let at = text.indexOf(token); at >= 0; at = text.indexOf(token, at + 1)) {
      const [before, after] = [characterBefore(text, at), characterAt(text, at + token.length)];
      if (!WORD_CHARACTER.test(before) && !WORD_CHARACTER.test(after)) continue;
      const place = JSON.stringify(text.slice(Math.max(0, at - AROUND), at + token.length + AROUND));
      throw unsupported(
        TOKENIZER_FILE,
        'single_word',
        `its added token ${JSON.stringify(token.slice(0, 64))} must match only whole words (single_word), which is not supported, and the text has it within a word at ${at}: ${place}. Send token ids instead of text`,
      );
    }
  }
}

function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? '' : String.fromCodePoint(code);
}

/** Two code units if they form one character. */
function characterBefore(text: string, at: number): string {
  return at === 0 ? '' : (Array.from(text.slice(Math.max(0, at - 2), at)).at(-1) ?? '');
}
