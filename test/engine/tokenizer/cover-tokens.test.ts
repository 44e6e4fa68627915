import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverTokens } from '../../../src/engine/tokenizer/cover-tokens.js';
import { spellTokens } from '../../../src/engine/tokenizer/spell-tokens.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { changeTokenizer } from '../../support/tokenizers.js';

const DEMO = JSON.parse(readFileSync(join(DEMO_DIRECTORY, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;

/** `bytes_to_unicode` of GPT-2, written out: the letters of bytes 0 to 32, 127 to 160 and 173 begin at U+0100. */
const SHIFTED = [
  ...Array.from({ length: 33 }, (_, byte) => byte),
  ...Array.from({ length: 34 }, (_, at) => 127 + at),
  173,
];
const letterOf = (byte: number) => String.fromCodePoint(SHIFTED.includes(byte) ? 256 + SHIFTED.indexOf(byte) : byte);

/** A token per byte, `th` and ` a`; `<|end|>` is an added token, and U+0301 joins the letter before it. */
const BYTE_LEVEL: Record<string, unknown> = {
  version: '1.0',
  added_tokens: [
    { id: 300, content: '<|end|>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
  ],
  normalizer: { type: 'NFC' },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    vocab: {
      ...Object.fromEntries(Array.from({ length: 256 }, (_, byte) => [letterOf(byte), byte])),
      th: 256,
      [`${letterOf(0x20)}a`]: 257,
    },
    merges: ['t h', `${letterOf(0x20)} a`],
  },
};

function cover(config: Record<string, unknown>, text: string) {
  const tokenizer = new Tokenizer(config, {});
  const ids = Int32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids);
  const covered = coverTokens(text, ids, spellTokens(config, tokenizer));
  return covered && { bytes: [...covered.bytes], words: [...covered.words] };
}

const sum = (values: readonly number[] = []) => values.reduce((total, value) => total + value, 0);

describe('the cover of tokens', () => {
  it('has the bytes of each token and the words that begin in it', () => {
    // the · a · cat, in tokens "th", "e", " a", " ", "c", "a", "t"
    expect(cover(BYTE_LEVEL, 'the a cat')).toEqual({ bytes: [2, 1, 2, 1, 1, 1, 1], words: [1, 0, 1, 0, 1, 0, 0] });
    // é is two tokens of a byte each, and <|end|> one of seven.
    expect(cover(BYTE_LEVEL, 'é<|end|>')).toEqual({ bytes: [1, 1, 7], words: [1, 0, 0] });
  });

  it("leaves out the blank that a tokenizer puts before a text, and not the text's own", () => {
    // "▁Once", "▁up", "on" and "▁", "▁le", "a", "d": as the tokenizers library has them.
    const once = cover(DEMO, 'Once upon');
    expect([once?.bytes[0], sum(once?.bytes)]).toEqual([4, 9]);
    const lead = cover(DEMO, ' lead');
    expect([lead?.bytes[0], sum(lead?.bytes)]).toEqual([0, 5]);
  });

  it.each([
    ['', 0],
    ['a', 1],
    [' a', 2],
    ['a ', 2],
    [' \n\t ', 2],
    ['a\u00a0b\u0085c\u001fd\u3000e\ufefff', 5],
    ['a  b\r\n\r\nc', 3],
  ])('counts in %j the words of re.split', (text, words) => {
    // len(re.split(r"\s+", text)) of Python 3, which has no token to count for in an empty text.
    expect(sum(cover(BYTE_LEVEL, text)?.words)).toBe(words);
  });

  it('adds up to the bytes of any text', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom(' ', '\n', 'e', 'Th', 'é', '日', '🎉', '<|end|>', '▁'),
        fc.string({ unit: 'grapheme', maxLength: 3 }),
      ),
    });
    fc.assert(
      fc.property(text, (text) => {
        for (const config of [DEMO, BYTE_LEVEL]) {
          const covered = cover(config, text);
          if (covered === undefined) continue;
          expect(sum(covered.bytes)).toBe(Buffer.byteLength(text));
        }
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(' ', '\n', 'e', 'Th', 'é', '日', '🎉', '\u0301x') }), (text) => {
        const known = text.normalize('NFC');
        expect(cover(DEMO, text)).toBeDefined();
        expect(cover(BYTE_LEVEL, known)).toBeDefined();
      }),
    );
  });

  it('is not told where the tokenizer changes the text', () => {
    expect(cover(BYTE_LEVEL, 'e\u0301')).toBeUndefined(); // becomes é
    expect(cover(changeTokenizer({ normalizer: { type: 'Lowercase' } }), 'Once')).toBeUndefined();
  });
});
