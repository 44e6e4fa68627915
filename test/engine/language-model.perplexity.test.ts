import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identityRanking } from '../../src/core/model/units.js';
import { countScored, scoreFrom, type Sequence } from '../../src/core/sequence.js';
import type { LanguageModel } from '../../src/engine/language-model.js';
import { createCheckpointFiles } from '../../src/engine/files/checkpoint-files.js';
import { loadTokenizer } from '../../src/engine/tokenizer/tokenizer.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../support/demo-model.js';
import { hasShared, sharedPath, skipReason } from '../support/shared.js';

const CHECKPOINTS = resolve(import.meta.dirname, '../../checkpoints');

async function measurePerplexity(
  model: LanguageModel,
  windows: readonly Sequence[],
): Promise<{ perplexity: number; predictions: number }> {
  const predictions = countScored(windows);
  let loss = NaN;
  for await (const { losses } of model
    .subject({ ranking: identityRanking(model.shape.layers) })
    .observe([model.shape.layers], { sequences: windows }, unattended)) {
    loss = losses.reduce((sum, value) => sum + value, 0);
  }
  return { perplexity: Math.exp(loss / predictions), predictions };
}

describe.skipIf(!hasShared)(`dense perplexities (${skipReason})`, () => {
  it('is that of PyTorch for the demo model on stories of many lengths', async () => {
    const stories = (
      JSON.parse(readFileSync(sharedPath('data/tinystories/tinystories_1000.json'), 'utf8')) as string[]
    ).slice(0, 40);
    const tokenizer = await loadTokenizer(createCheckpointFiles({ directory: DEMO_DIRECTORY }));
    const encoded = (await tokenizer?.encodeAll(stories)) ?? [];
    const windows = encoded.map((tokens) => scoreFrom(Int32Array.from([1, ...tokens]).slice(0, 512)));
    const measured = await withModel(DEMO_DIRECTORY, (model) => measurePerplexity(model, windows));
    expect(measured.predictions).toBe(13_299);
    expect(measured.perplexity).toBeCloseTo(3.6947, 3);
  });
});

// Minutes of work on two cores: run on request only, with the models unpacked beside the sources.
describe.each([
  { folder: 'smollm2-135m-instruct', tokens: 303_415, window: 128, count: 400, expected: 53.834 },
  { folder: 'smollm2-135m-instruct', tokens: 303_415, window: 512, count: 64, expected: 29.453 },
  { folder: 'qwen2.5-coder-0.5b-instruct', tokens: 299_078, window: 512, count: 4, expected: 44.2268 },
])('the dense perplexity of $folder', ({ folder, tokens, window, count, expected }) => {
  const directory = resolve(CHECKPOINTS, folder);
  it.skipIf(process.env['PRUNECAST_SLOW_TESTS'] === undefined || !hasShared || !existsSync(directory))(
    `is that of PyTorch on ${count} windows of ${window} tokens (needs PRUNECAST_SLOW_TESTS, ../shared and the unpacked checkpoint)`,
    { timeout: 600_000 },
    async () => {
      const tokenizer = await loadTokenizer(createCheckpointFiles({ directory }));
      const text =
        (await tokenizer?.encode(readFileSync(sharedPath('data/wikitext2/wiki.test.raw'), 'utf8'))) ?? new Int32Array();
      expect(text).toHaveLength(tokens);
      const windows = Array.from({ length: count }, (_, index) =>
        scoreFrom(text.slice(index * window, (index + 1) * window)),
      );
      const { perplexity } = await withModel(directory, (model) => measurePerplexity(model, windows));
      expect(Math.abs(perplexity / expected - 1)).toBeLessThan(1e-3);
    },
  );
});
