import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countWords } from '../../../src/engine/tokenizer/count-words.js';
import { rememberWords } from '../../../src/engine/tokenizer/remember-words.js';
import { splitAtJoins } from '../../../src/engine/tokenizer/split-at-joins.js';
import { hasShared, sharedPath, skipReason } from '../../support/shared.js';
import { changeTokenizer } from '../../support/tokenizers.js';

type Config = Readonly<Record<string, unknown>>;

/** The ids of the library as it is, and of the one that the server changes. */
function createPair(config: Config) {
  const [own, changed] = [new Tokenizer(config, {}), new Tokenizer(config, {})];
  rememberWords(changed);
  countWords(changed, () => undefined, splitAtJoins(config['model']));
  return { own: encodeWith(own), changed: encodeWith(changed) };
}

function encodeWith(tokenizer: Tokenizer): (text: string) => number[] {
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
}

/** Texts with what tokenizers find hard: runs of spaces and letters, other scripts, pairs of surrogates, digits. */
const TEXTS = array(
  oneof(
    constantFrom(
      ' ',
      '  ',
      '\n',
      '\n\n',
      'the',
      ' The',
      'aaaa',
      "don't",
      '▁',
      '▁▁',
      '<s>',
      '12',
      'é',
      '漢字',
      '😀',
      '�',
    ),
    string({ unit: 'grapheme', maxLength: 8 }),
  ),
  { maxLength: 60 },
).map((parts) => parts.join(''));

const readConfig = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Config;
const ofShared = (model: string, parts: Config = {}) => ({
  ...readConfig(sharedPath(`models/${model}/tokenizer.json`)),
  ...parts,
});

const BYTES = { type: 'ByteLevel', trim_offsets: true };

describe('a tokenizer that merges long words in pieces, and each word once', () => {
  it('gives the demo model the tokens that a whole text gives as one word', () => {
    const { own, changed } = createPair(changeTokenizer({}));
    assert(
      property(TEXTS, (text) => {
        expect(changed(text)).toEqual(own(text));
      }),
      { numRuns: 300 },
    );
  });

  it.skipIf(!hasShared).each([
    ['SmolLM2', () => ofShared('smollm2-135m-instruct')],
    [
      'SmolLM2 with a space in front',
      () => ofShared('smollm2-135m-instruct', { pre_tokenizer: { ...BYTES, add_prefix_space: true, use_regex: true } }),
    ],
    [
      'SmolLM2 without words',
      () =>
        ofShared('smollm2-135m-instruct', { pre_tokenizer: { ...BYTES, add_prefix_space: false, use_regex: false } }),
    ],
  ])(`gives %s the tokens of the library (${skipReason})`, (_, config) => {
    const { own, changed } = createPair(config());
    assert(
      property(TEXTS, (text) => {
        expect(changed(text)).toEqual(own(text));
      }),
      { numRuns: 200 },
    );
  });

  it('cuts a word where no merge joins, and nowhere else', () => {
    const split = splitAtJoins({ type: 'BPE', merges: ['a b', ['ab', '😀'], 'c▁ d'] });
    const word = 'ab😀ab▁dca'.repeat(4);
    // a|b, b|😀 and ▁|d are joined; the others are not.
    expect([...(split?.(word) ?? [])]).toEqual([1, 2, 3, 4].flatMap(() => ['ab😀', 'ab', '▁d', 'c', 'a']));
    expect([...(split?.('ba') ?? [])]).toEqual(['ba']);
  });

  it.each([
    ['unigrams', { type: 'Unigram', vocab: [] }],
    ['a suffix', { type: 'BPE', merges: [], end_of_word_suffix: '</w>' }],
    ['words that are looked up first', { type: 'BPE', merges: [], ignore_merges: true }],
  ])('takes words as they are with %s', (_, model) => expect(splitAtJoins(model)).toBeUndefined());
});
