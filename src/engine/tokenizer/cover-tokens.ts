import type { TokenCover } from '../../core/ports/evaluator.js';

/** The bytes that a token stands for, and whether it is an added one; undefined if it stands for no bytes of its own. */
export type SpellToken = (id: number) => { readonly bytes: Uint8Array; readonly isAdded: boolean } | undefined;

const BLANK = 0x20;
/** What the bytes of a token are counted in. */
const MOST_BYTES = 0xffff;

/** `\s` of Python: what JavaScript calls so has U+FEFF, and lacks U+001C to U+001F and U+0085. */
// oxlint-disable-next-line no-control-regex -- control characters that Python takes for white space
const WHITE_SPACE = /[\t-\r\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;

/**
 * How much of its text each token stands for. The tokens are laid along the text, so that what comes out is exact.
 *
 * @returns undefined if they do not spell the text byte for byte: where a tokenizer changes the text (lower case, another
 * Unicode form, unknown characters)
 */
export function coverTokens(text: string, ids: Int32Array, spell: SpellToken): TokenCover | undefined {
  const content = Buffer.from(text);
  // Of a text that begins with a blank, the first token may have this one or one that the tokenizer put before it.
  const bytes = layTokens(content, ids, spell, 'text') ?? layTokens(content, ids, spell, 'tokenizer');
  return bytes === undefined ? undefined : { bytes, words: countWords(text, content.length, bytes) };
}

/**
 * Bytes of each token.
 *
 * @param blankOf whose blank the first token may begin with
 */
function layTokens(
  content: Buffer,
  ids: Int32Array,
  spell: SpellToken,
  blankOf: 'text' | 'tokenizer',
): Uint16Array | undefined {
  const lengths = new Uint16Array(ids.length);
  let at = 0;
  let isAfterAdded = false;
  for (const [place, id] of ids.entries()) {
    const token = spell(id);
    if (token === undefined) return undefined;
    const { bytes } = token;
    const unblanked = bytes[0] === BLANK ? [bytes.subarray(1)] : [];
    // Some tokenizers put a blank after each added token too.
    const spellings =
      place > 0 ? [bytes, ...(isAfterAdded ? unblanked : [])] : blankOf === 'text' ? [bytes] : unblanked;
    const own = spellings.find((spelling) => startsWith(content, at, spelling));
    if (own === undefined || own.length > MOST_BYTES) return undefined;
    lengths[place] = own.length;
    at += own.length;
    isAfterAdded = token.isAdded;
  }
  return at === content.length ? lengths : undefined;
}

function startsWith(content: Buffer, at: number, bytes: Uint8Array): boolean {
  if (at + bytes.length > content.length) return false;
  return bytes.every((byte, place) => content[at + place] === byte);
}

/** Words that begin in each token. */
function countWords(text: string, textBytes: number, bytes: Uint16Array): Uint16Array {
  const words = new Uint16Array(bytes.length);
  if (bytes.length === 0) return words;
  let [token, end] = [0, bytes[0] ?? 0];
  const begin = (offset: number): void => {
    while (offset >= end && token < bytes.length - 1) end += bytes[++token] ?? 0;
    words[token] = (words[token] ?? 0) + 1;
  };
  begin(0);
  let [index, offset] = [0, 0];
  for (const { 0: space, index: from } of text.matchAll(WHITE_SPACE)) {
    const to = from + space.length;
    offset += Buffer.byteLength(text.slice(index, to));
    index = to;
    begin(Math.min(offset, textBytes));
  }
  return words;
}
