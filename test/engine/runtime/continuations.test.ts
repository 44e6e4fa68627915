import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { identityRanking } from '../../../src/core/model/units.js';
import type { Observation, ObservationRequest } from '../../../src/core/ports/evaluator.js';
import type { Sequence } from '../../../src/core/sequence.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel } from '../../../src/engine/language-model.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { findLeastBudget } from '../../support/least-budget.js';
import { makeFolder } from '../../support/test-server.js';

/**
 * Beginnings of the windows of criteria.json, and what `generate(do_sample=False, max_new_tokens=6)` of transformers 5
 * adds to them. The most likely token leads the next one by at least 0.14 in logits.
 */
const GENERATED = [
  { window: 0, length: 10, tokens: [426, 326, 401, 396, 267, 337] },
  { window: 1, length: 20, tokens: [340, 286, 399, 262, 423, 388] },
  { window: 2, length: 20, tokens: [429, 268, 414, 444, 426, 338] },
  { window: 3, length: 1, tokens: [403, 407, 261, 378, 432, 383] },
  { window: 4, length: 60, tokens: [436, 13, 438, 425, 429, 422] },
  { window: 5, length: 127, tokens: [286, 399, 393, 426, 346, 263] },
] as const;

const beginnings: readonly Sequence[] = GENERATED.map(({ window, length }) => ({
  tokens: Int32Array.from(CRITERIA.evaluation_ids[window]?.slice(0, length) ?? []),
  spans: [],
}));

const pruned: Architecture = Array.from({ length: 5 }, (_, layer) => ({
  kvHeads: 3,
  queryHeadsPerKv: 2,
  ffnChannels: 100 + 10 * layer,
}));

async function observe(
  model: LanguageModel,
  request: ObservationRequest,
  architectures: readonly Architecture[] = [model.shape.layers],
): Promise<Observation[]> {
  const found: Observation[] = [];
  for await (const item of model
    .subject({ ranking: identityRanking(model.shape.layers) })
    .observe(architectures, request, unattended))
    found[item.index] = item;
  return found;
}

const listTokens = ([first]: readonly Observation[]): number[][] =>
  (first?.continuations ?? []).map((tokens) => [...tokens]);

describe('the continuations of sequences', () => {
  let model: LanguageModel;
  beforeAll(async () => {
    model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY), { threads: 1 });
  });
  afterAll(() => model.close());

  it('are the tokens that transformers generates', async () => {
    expect(listTokens(await observe(model, { sequences: beginnings, continuation: 6 }))).toEqual(
      GENERATED.map(({ tokens }) => [...tokens]),
    );
  });

  it('run each sequence again for each further token, with all before it', async () => {
    const [found] = await observe(model, { sequences: beginnings, continuation: 6 });
    const lengths = GENERATED.map(({ length }) => length as number);
    // Of n tokens: n + 1, n + 2, ... n + 5; the run over n itself is that of the sequence.
    expect(found?.furtherTokens).toBe(lengths.reduce((sum, length) => sum + 5 * length + 15, 0));
  });

  it.each([
    ['one', 399],
    ['a list', [5, 399]],
  ])('end before the end-of-sequence token of the config, given as %s', async (_, eos_token_id) => {
    const folder = await makeFolder();
    await cp(DEMO_DIRECTORY, folder, { recursive: true });
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, eos_token_id }));
    const found = await withModel(folder, (own) => observe(own, { sequences: beginnings, continuation: 6 }));
    expect(listTokens(found)).toEqual(
      GENERATED.map(({ tokens }) => [...tokens]).map((tokens) =>
        tokens.includes(399) ? tokens.slice(0, tokens.indexOf(399)) : tokens,
      ),
    );
    // Window 1 ends with its third token, after two further runs, and window 5 with its second; the others have six each.
    expect(found[0]?.furtherTokens).toBe(21 + 22 + 128 + 5 * (10 + 20 + 1 + 60) + 4 * 15);
  });

  it("come beside the losses of spans, of each architecture its own, whatever the model's lanes and memory", async () => {
    const sequences = [
      ...Array.from({ length: 40 }, (_, index) => ({
        tokens: Int32Array.from(CRITERIA.evaluation_ids[index % 32]?.slice(0, 100) ?? []),
        spans: index % 3 === 0 ? [] : [{ from: 10, to: 20 + index }],
      })),
      ...beginnings,
    ];
    const request = { sequences, continuation: 2 };
    const architectures = [pruned, model.shape.layers];
    const expected = await observe(model, request, architectures);
    const alone = await observe(model, { sequences }, architectures);
    expect(expected.map(({ losses, hits }) => ({ losses, hits }))).toEqual(
      alone.map(({ losses, hits }) => ({ losses, hits })),
    );
    for (const [index, architecture] of architectures.entries()) {
      const { tokens = new Int32Array() } = sequences[9] ?? {};
      const logits = await model.logits(tokens, {
        architecture,
        recipe: { ranking: identityRanking(model.shape.layers) },
      });
      const last = logits.subarray(-model.shape.vocabulary);
      expect(expected[index]?.continuations?.[9]?.[0]).toBe(last.indexOf(Math.max(...last)));
      expect(expected[index]?.continuations?.[7]).toEqual(new Int32Array());
    }
    const two = await withModel(DEMO_DIRECTORY, (own) => observe(own, request, architectures), { threads: 2 });
    expect(two).toEqual(expected);
    const memoryBudgetBytes = findLeastBudget(model.shape, { longest: 129 });
    const streamed = await withModel(DEMO_DIRECTORY, (own) => observe(own, request, architectures), {
      memoryBudgetBytes,
    });
    expect(streamed).toEqual(expected);
  });
});
