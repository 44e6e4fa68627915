import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Documents, WindowPreset, type DeepPartial, type MeasurementSpec } from '../../../src/client/index.js';
import { DEMO, refusalOf, startVerbServer, tokenText, type VerbServer } from '../verbs/verb-server.js';

const STORIES = [
  'Once upon a time there was a little girl named Lily. She liked to play in the park.\nOne day she found a big red ball.',
  'Tom had a dog.  The dog was big and it liked to run all day, and the sun was warm.',
  '',
  'The end \u2013 caf\u00e9.',
];

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  await mkdir(verbs.path('texts'), { recursive: true });
  await writeFile(verbs.path('texts', 'stories.jsonl'), STORIES.map((text) => JSON.stringify({ text })).join('\n'));
  await writeFile(verbs.path('texts', 'long.txt'), 'Once upon a time there was a little girl. '.repeat(500));
});
afterAll(() => verbs[Symbol.asyncDispose]());

const fileOf = (value: string) => ({ source: { $case: 'path', value } }) as const;
const evaluate = async (measurement: DeepPartial<MeasurementSpec>, tokenLimit?: bigint) => {
  const [result] = await verbs.client.runEvaluate({
    model: DEMO,
    measurement,
    ...(tokenLimit === undefined ? {} : { fidelity: { tokenLimit } }),
  });
  if (result === undefined) throw new Error('no result');
  return result;
};
const isNear = (value: number | undefined, expected: number) =>
  expect(Math.abs((value ?? NaN) / expected - 1)).toBeLessThan(1e-4);

describe('documents apart', () => {
  /**
   * PyTorch with transformers in float32: windows of 16 tokens, each document by itself, bytes by the offsets of the
   * tokenizers library, words by re.split(r"\s+", document); without BOS those of each first token left out.
   */
  it.each([
    { bos: false, tokens: 81n, perplexity: 8.70279596, bitsPerByte: 1.209759793, wordPerplexity: 41.63053356 },
    { bos: true, tokens: 84n, perplexity: 15.90527356, bitsPerByte: 1.545070947, wordPerplexity: 104.3732292 },
  ])('are measured as transformers measures them, BOS $bos', async ({ bos, ...expected }) => {
    const text = { ...fileOf('stories.jsonl'), documents: Documents.APART };
    const { metrics, scoredTokens } = await evaluate({ text, windows: { window: 16, bos } });
    expect(scoredTokens).toBe(expected.tokens);
    isNear(metrics['perplexity'], expected.perplexity);
    isNear(metrics['bits_per_byte'], expected.bitsPerByte);
    isNear(metrics['word_perplexity'], expected.wordPerplexity);
  });

  it('have a digest of their own, and are the default of no request', async () => {
    const joined = await evaluate({ text: fileOf('stories.jsonl'), windows: { window: 16 } });
    const asked = { ...fileOf('stories.jsonl'), documents: Documents.JOINED };
    const same = await evaluate({ text: asked, windows: { window: 16 } });
    expect(same.measurement).toEqual(joined.measurement);
    expect(joined.metrics['perplexity']).toBeCloseTo(10.391154674771848, 3); // transformers: five windows of 91 tokens
    const apart = await evaluate({ text: { ...asked, documents: Documents.APART }, windows: { window: 16 } });
    expect(apart.measurement?.textDigest).not.toBe(joined.measurement?.textDigest);
  });

  it('of a file with one document are that document', async () => {
    const apart = { ...fileOf('long.txt'), documents: Documents.APART };
    const { scoredTokens, fidelity } = await evaluate({ text: apart, windows: { window: 128 } });
    expect(fidelity?.windows).toBe(Math.ceil(Number(scoredTokens) / 127));
  });
});

describe('metrics per byte and word', () => {
  it('are not measured of token ids, which tell no text', async () => {
    const ids = Array.from({ length: 64 }, (_, index) => 300 + index);
    const { metrics } = await evaluate({ text: tokenText(ids), windows: { window: 32 } });
    expect(Object.keys(metrics).toSorted()).toEqual(['accuracy', 'perplexity']);
  });

  it('are measured of a text, beside those per token', async () => {
    const text = fileOf('long.txt');
    const { metrics } = await evaluate({ text, windows: { window: 32 } });
    expect(Object.keys(metrics).toSorted()).toEqual(['accuracy', 'bits_per_byte', 'perplexity', 'word_perplexity']);
  });
});

describe('a preset of windows', () => {
  it('measures what its settings measure, and gives way to fields that are set', async () => {
    const text = fileOf('long.txt');
    const preset = WindowPreset.LLM_PRUNER_128;
    const named = await evaluate({ text, windows: { preset } });
    expect(named.measurement).toMatchObject({ window: 128, stride: 128, bos: false });
    expect(named.measurement).toEqual((await evaluate({ text, windows: { window: 128 } })).measurement);
    expect((await evaluate({ text, windows: { preset, window: 64, bos: true } })).measurement).toMatchObject({
      window: 64,
      stride: 64,
      bos: true,
    });
  });

  it('document-wise takes documents apart, the positions of the model and its BOS', async () => {
    const preset = WindowPreset.DOCUMENT_WISE;
    const named = await evaluate({ text: fileOf('stories.jsonl'), windows: { preset } });
    const apart = { ...fileOf('stories.jsonl'), documents: Documents.APART };
    const spelt = await evaluate({ text: apart, windows: { window: 512, bos: true } });
    expect(named.measurement).toEqual(spelt.measurement);
    const joined = { ...fileOf('stories.jsonl'), documents: Documents.JOINED };
    const other = await evaluate({ text: joined, windows: { preset, window: 16 } });
    expect(other.measurement?.textDigest).not.toBe(named.measurement?.textDigest);
  });

  it('is refused if its windows are longer than the model was made for, as any are', async () => {
    const refused = { reason: 'INVALID_REQUEST', fields: ['measurement.windows.window'] };
    for (const windows of [{ preset: WindowPreset.WIKITEXT2_2048 }, { window: 513 }]) {
      const refusal = await refusalOf(verbs, () => evaluate({ text: fileOf('long.txt'), windows }));
      expect(refusal).toMatchObject(refused);
      expect(refusal.message).toContain('512 positions (max_position_embeddings)');
    }
  });
});
