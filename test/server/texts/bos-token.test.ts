import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeepPartial, EvaluationResult, Text } from '../../../src/client/index.js';
import { createCheckpointFiles } from '../../../src/engine/files/checkpoint-files.js';
import { loadTokenizer } from '../../../src/engine/tokenizer/tokenizer.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { refusalOf, startVerbServer, tokenText, type VerbServer } from '../verbs/verb-server.js';

/** Checkpoints that differ in nothing but this line of config.json. */
const MODELS = { 'bos-5': 5, 'bos-1': 1, 'bos-none': null, 'bos-outside': 512 } as const;

const STORY =
  'Once upon a time there was a little girl named Lily. She liked to play in the park with her friend Tom. '.repeat(8);

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  await mkdir(verbs.path('texts'), { recursive: true });
  await writeFile(verbs.path('texts', 'story.txt'), STORY);
  for (const [name, bos] of Object.entries(MODELS)) {
    const folder = verbs.path('models', name);
    await mkdir(folder, { recursive: true });
    for (const file of ['model.safetensors', 'tokenizer.json'])
      await copyFile(join(DEMO_DIRECTORY, file), join(folder, file));
    const config = JSON.parse(await readFile(join(DEMO_DIRECTORY, 'config.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, bos_token_id: bos }));
  }
});
afterAll(() => verbs[Symbol.asyncDispose]());

async function measure(model: string, text: DeepPartial<Text>, bos: boolean): Promise<EvaluationResult | undefined> {
  const [result] = await verbs.client.runEvaluate({ model, measurement: { text, windows: { window: 32, bos } } });
  return result;
}

const perplexityOf = (result: EvaluationResult | undefined): number => result?.metrics['perplexity'] ?? NaN;

/** The windows with their first token put there by hand. */
async function spellOut(bos: number): Promise<DeepPartial<Text>> {
  const tokens = [
    ...((await (await loadTokenizer(createCheckpointFiles({ directory: DEMO_DIRECTORY })))?.encode(STORY)) ?? []),
  ];
  return tokenText(
    Array.from({ length: Math.floor(tokens.length / 31) }, (_, at) => [
      bos,
      ...tokens.slice(at * 31, at * 31 + 31),
    ]).flat(),
  );
}

describe('models with one tokenizer and different bos_token_id on one server', () => {
  it.each([
    ['a file', { source: { $case: 'path', value: 'story.txt' } }],
    ['inline text', { source: { $case: 'inline', value: STORY } }],
  ] as const)('are each measured with a BOS of their own on %s', async (_, text) => {
    const five = await measure('bos-5', text, true);
    const one = await measure('bos-1', text, true);
    expect(perplexityOf(five)).toBeCloseTo(perplexityOf(await measure('bos-5', await spellOut(5), false)), 4);
    expect(perplexityOf(one)).toBeCloseTo(perplexityOf(await measure('bos-1', await spellOut(1), false)), 4);
    expect(Math.abs(perplexityOf(five) / perplexityOf(one) - 1)).toBeGreaterThan(0.01);
    expect([five, one].map((result) => result?.measurement?.bosToken)).toEqual([5, 1]);
    expect(five?.measurement?.fingerprint).not.toBe(one?.measurement?.fingerprint);
  });

  it.each(['bos-none', 'bos-outside'])(
    'refuse BOS where the model has none of its vocabulary (%s), whatever was measured before',
    async (model) => {
      await measure('bos-1', { source: { $case: 'path', value: 'story.txt' } }, true);
      const refusal = await refusalOf(verbs, () =>
        measure(model, { source: { $case: 'path', value: 'story.txt' } }, true),
      );
      expect(refusal).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['measurement.windows.bos'] });
      expect(
        (await measure(model, { source: { $case: 'path', value: 'story.txt' } }, false))?.measurement?.bosToken,
      ).toBeUndefined();
    },
  );
});
