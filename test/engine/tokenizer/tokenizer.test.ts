import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCheckpointFiles } from '../../../src/engine/files/checkpoint-files.js';
import { createTokenizerSlots } from '../../../src/engine/tokenizer/tokenizer-slots.js';
import { loadTokenizer, type Tokenizer, type TokenizerOptions } from '../../../src/engine/tokenizer/tokenizer.js';
import { ENDLESS, ENDLESS_TEXT, SWELLING, SWELLING_TEXT } from '../../support/tokenizers.js';
import { hasShared, sharedPath } from '../../support/shared.js';
import { makeFolder, writeFolder } from '../checkpoint/tiny-checkpoint.js';

const STORIES = join(import.meta.dirname, '../../../models/stories260k');

async function load(folder: string, options: TokenizerOptions = {}): Promise<Tokenizer> {
  const tokenizer = await loadTokenizer(createCheckpointFiles({ directory: folder }), options);
  if (tokenizer === undefined) throw new Error(`${folder} has no tokenizer`);
  return tokenizer;
}

describe('loadTokenizer', () => {
  it('is undefined if there is no tokenizer.json', async () => {
    expect(await loadTokenizer(createCheckpointFiles({ directory: await makeFolder() }))).toBeUndefined();
  });

  it('names a tokenizer by the SHA-256 of its file', async () => {
    const file = await readFile(join(STORIES, 'tokenizer.json'));
    expect((await load(STORIES)).digest).toBe(createHash('sha256').update(file).digest('hex'));
  });

  it('adds no special tokens, and returns several texts in their order', async () => {
    const tokenizer = await load(STORIES);
    const file = JSON.parse(await readFile(join(STORIES, 'tokenizer.json'), 'utf8')) as {
      model: { vocab: Record<string, number> };
    };
    const words = Object.fromEntries(Object.entries(file.model.vocab).map(([word, id]) => [id, word]));
    const texts = ['Once upon a time', '', 'The end.'];
    const ids = await tokenizer.encodeAll(texts);
    expect(
      ids.map((list) =>
        [...list]
          .map((id) => words[id])
          .join('')
          .replaceAll('▁', ' ')
          .trim(),
      ),
    ).toEqual(texts);
    expect(ids[0]).toEqual(await tokenizer.encode('Once upon a time'));
    expect([...(ids[0] ?? [])]).not.toContain(1);
  });

  it('reports a tokenizer.json that cannot be used', async () => {
    const tokenizer = await load(await writeFolder({ 'tokenizer.json': { model: { type: 'Unheard', vocab: {} } } }));
    await expect(tokenizer.encode('a')).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringContaining('tokenizer.json: cannot be used'),
    });
  });

  it('reads a tokenizer.json with a byte order mark as it does without', async () => {
    const file = await readFile(join(STORIES, 'tokenizer.json'));
    const marked = await load(await writeFolder({ 'tokenizer.json': Buffer.concat([Buffer.from('\uFEFF'), file]) }));
    const text = 'Once upon a time';
    expect(await marked.encode(text)).toEqual(await (await load(STORIES)).encode(text));
  });

  it.each([
    [
      'a Git LFS pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
      /tokenizer.json: is a Git LFS pointer.*git lfs pull/,
    ],
    ['cut off', '{"model": {"type": "BPE",\n', /tokenizer.json: is not JSON: line 2, column 1: it ends too early/],
  ])('says that a tokenizer.json is %s', async (_, text, message) => {
    const tokenizer = await load(await writeFolder({ 'tokenizer.json': new TextEncoder().encode(text) }));
    await expect(tokenizer.encode('a')).rejects.toMatchObject({
      reason: 'MODEL_MALFORMED',
      message: expect.stringMatching(message),
    });
  });

  describe.each([
    ['as written', null, false],
    ['in lower case', { type: 'Lowercase' }, true],
  ] as const)('with an added token that must match only whole words, %s', (_, normalizer, normalized) => {
    const loadWords = async (): Promise<Tokenizer> =>
      load(
        await writeFolder({
          'tokenizer.json': {
            added_tokens: [
              { id: 7, content: 'return', single_word: true, lstrip: false, rstrip: false, normalized, special: false },
            ],
            normalizer,
            pre_tokenizer: {
              type: 'Split',
              pattern: { Regex: '\\w+|\\s+|[^\\w\\s]+' },
              behavior: 'Isolated',
              invert: false,
            },
            post_processor: null,
            decoder: null,
            model: {
              type: 'WordLevel',
              vocab: { '<unk>': 0, a: 1, returned: 2, return: 7, '.': 11, '(': 12 },
              unk_token: '<unk>',
            },
          },
        }),
      );

    // What tokenizers 0.23 for Python returns.
    it.each([
      ['return', [7]],
      ['a return a', [1, 0, 7, 0, 1]],
      ['(return)', [12, 7, 0]],
      ['return.a', [7, 11, 1]],
      ['Return a', normalized ? [7, 0, 1] : [0, 0, 1]],
      ['return return', [7, 0, 7]],
    ])('gives the same tokens as Python for %j', async (text, ids) => {
      expect([...(await (await loadWords()).encode(text))]).toEqual(ids);
    });

    it.each(['returned', 'unreturn', 'return1', '_return', 'éreturn', 'return return\u0301', '\u{1d5ae}return'])(
      'refuses %j, because Python matches nothing within the word',
      async (text) => {
        await expect((await loadWords()).encode(text)).rejects.toMatchObject({
          reason: 'MODEL_UNSUPPORTED',
          message: expect.stringMatching(
            /added token "return" must match only whole words \(single_word\).*Send token ids/,
          ),
        });
      },
    );
  });

  it('stops with the reason of its signal, before and while it works', async () => {
    const tokenizer = await load(STORIES);
    await expect(tokenizer.encode('a', { signal: AbortSignal.abort(new Error('never mind')) })).rejects.toThrow(
      'never mind',
    );
    const abort = new AbortController();
    const encoding = tokenizer.encode('Once upon a time there was a cat. '.repeat(200_000), { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 100);
    await expect(encoding).rejects.toThrow('enough'); // the text takes many seconds
  });

  it('ends a tokenizer.json whose expression never ends when its processor time is used up, and at once by its signal', async () => {
    const tokenizer = await load(await writeFolder({ 'tokenizer.json': ENDLESS }), { leastProcessorMs: 500 });
    await expect(tokenizer.encode(ENDLESS_TEXT)).rejects.toMatchObject({
      reason: 'TOKENIZER_TIMEOUT',
      metadata: { limit_seconds: '1', text_bytes: '41' },
    });
    const patient = await load(await writeFolder({ 'tokenizer.json': ENDLESS }));
    const abort = new AbortController();
    const encoding = patient.encode(ENDLESS_TEXT, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 300);
    await expect(encoding).rejects.toThrow('enough'); // not the timeout, which comes after 30 s of processor time
    expect((await patient.encode('a')).length).toBeGreaterThan(0);
  });

  it('survives a tokenizer.json that turns a text into more than memory holds', async () => {
    const tokenizer = await load(await writeFolder({ 'tokenizer.json': SWELLING }), {
      slots: createTokenizerSlots({ poolBytes: 64 * 2 ** 20 }),
    });
    await expect(tokenizer.encode(SWELLING_TEXT)).rejects.toMatchObject({
      reason: 'MEMORY_EXCEEDED',
      metadata: { budget_bytes: String(64 * 2 ** 20) },
    });
    expect((await tokenizer.encode('b')).length).toBeGreaterThan(0);
  });

  it('refuses a text for which no tokenizer has enough memory, before any work', async () => {
    const tokenizer = await load(STORIES, { slots: createTokenizerSlots({ poolBytes: 1200 }) });
    await expect(tokenizer.encode('a'.repeat(101))).rejects.toMatchObject({
      reason: 'MEMORY_EXCEEDED',
      metadata: { text_bytes: '101', budget_bytes: '1200' },
    });
  });

  it('reads the text of a file in the process that tokenizes it, and gives the tokens of the same text', async () => {
    const tokenizer = await load(STORIES);
    const bytes = Buffer.from('{"text": "Once upon a time"}\n{"text": "The end."}');
    const handle = await open(join(await writeFolder({ story: new Uint8Array(bytes) }), 'story'));
    try {
      const ids = await tokenizer.encode({ fd: handle.fd, bytes: bytes.length, format: 'json-lines', extent: 'whole' });
      expect(ids).toEqual(await tokenizer.encode('Once upon a time\n\nThe end.'));
      await expect(
        tokenizer.encode({ fd: handle.fd, bytes: bytes.length, format: 'json', extent: 'whole' }),
      ).rejects.toMatchObject({
        reason: 'INVALID_REQUEST',
        message: expect.stringContaining('is not JSON') as string,
      });
      await expect(
        tokenizer.encode({ fd: handle.fd, bytes: bytes.length + 1, format: 'plain', extent: 'whole' }),
      ).rejects.toMatchObject({ reason: 'INVALID_REQUEST', message: expect.stringContaining('was cut') as string });
    } finally {
      await handle.close();
    }
  });

  describe.skipIf(!hasShared)('on texts of known length', () => {
    it.each([
      ['pre-tokenized in words', 'models/smollm2-135m-instruct', 'data/wikitext2/wiki.test.raw'],
      ['taken as one word', undefined, 'data/tinystories/tinystories_1000.json'],
    ])('gives a first part of a text tokens that the whole text begins with: %s', async (_, model, text) => {
      const tokenizer = await load(model === undefined ? STORIES : sharedPath(model));
      const content = new Uint8Array(await readFile(sharedPath(text))).subarray(0, 400_000);
      const handle = await open(join(await writeFolder({ text: content }), 'text'));
      const encode = (bytes: number, extent: 'lead' | 'whole') =>
        tokenizer.encode({ fd: handle.fd, bytes, format: 'plain', extent });
      try {
        const whole = await encode(content.length, 'whole');
        for (const bytes of [100_000, 150_001, 222_222]) {
          const lead = await encode(bytes, 'lead');
          expect(lead.length).toBeGreaterThan(bytes / 8);
          expect(Buffer.from(lead.buffer).equals(Buffer.from(whole.slice(0, lead.length).buffer))).toBe(true);
        }
      } finally {
        await handle.close();
      }
    });

    it('gives WikiText-2 test the same 303,415 tokens as transformers with the SmolLM2 tokenizer, and leaves the event loop free', async () => {
      const tokenizer = await load(sharedPath('models/smollm2-135m-instruct'));
      const text = await readFile(sharedPath('data/wikitext2/wiki.test.raw'), 'utf8');
      const before = performance.eventLoopUtilization();
      const tokens = await tokenizer.encode(text);
      const { utilization } = performance.eventLoopUtilization(before);
      expect(tokens).toHaveLength(303_415);
      expect(utilization).toBeLessThan(0.5); // 1 if the work were done here
    });

    it('gives the first 40 TinyStories the 13,299 predictions of the reference', async () => {
      const stories = JSON.parse(
        await readFile(sharedPath('data/tinystories/tinystories_1000.json'), 'utf8'),
      ) as readonly string[];
      const ids = await (await load(STORIES)).encodeAll(stories.slice(0, 40));
      expect(ids.reduce((sum, list) => sum + Math.min(list.length + 1, 512) - 1, 0)).toBe(13_299); // BOS and story, cut at 512
    });
  });
});
