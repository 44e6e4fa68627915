import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLatencyCost } from '../../../src/core/budget/latency-table.js';
import { measureCost } from '../../../src/core/budget/cost-model.js';
import { identityRanking } from '../../../src/core/model/units.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { createBlockRunner } from '../../../src/engine/forward/block-runner.js';
import { createRankedWeights } from '../../../src/engine/weights/ranked-weights.js';
import { createWeightStore } from '../../../src/engine/weights/weight-store.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import { createDecodeRunner } from '../../../src/engine/latency/decode-runner.js';
import type { LanguageModel } from '../../../src/engine/language-model.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { findTrait, writeTrait } from '../../support/trait-checkpoint.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';

let model: LanguageModel;
beforeAll(async () => {
  model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY));
});
afterAll(() => model.close());

describe('createDecodeRunner', () => {
  it('gives token by token the same logits as all tokens together', async () => {
    const tokens = Int32Array.of(1, 403, 407, 261, 378, 400);
    expect(findLargestDifference(await decodeAll(DEMO_DIRECTORY, tokens), await model.logits(tokens))).toBeLessThan(
      1e-3,
    );
  });

  it.each([
    'yarn with all its fields',
    'a Mistral beyond its sliding window',
    'a Mistral that sees nothing but the token itself',
    'a Qwen2 with a sliding window from a layer on',
  ])(
    'gives token by token the same logits as all tokens together for %s, with the tokens of its window in the cache',
    async (name) => {
      const [trait, recorded] = findTrait(name);
      const tokens = Int32Array.from(recorded.tokens.slice(0, 13));
      const folder = await writeTrait(trait);
      await withModel(folder, async (own) => {
        expect(findLargestDifference(await decodeAll(folder, tokens), await own.logits(tokens))).toBeLessThan(1e-4);
      });
    },
  );
});

describe('timeShapes', () => {
  it.each([0, 64])('times every half-block on a grid, with %i tokens before', async (length) => {
    const table = await model.timeShapes(length, unattended);
    expect(
      table.attention.map(({ queryHeadsPerKv, times }) => [queryHeadsPerKv, times.map(({ count }) => count)]),
    ).toEqual([
      [1, [1, 2, 3, 4]],
      [2, [1, 2, 3, 4]],
    ]);
    expect(table.ffn.map(({ count }) => count)).toEqual([1, 22, 43, 65, 86, 108, 129, 151, 172]);
    for (const times of [table.ffn, ...table.attention.map((row) => row.times)]) {
      expect(times.every(({ picoseconds }) => picoseconds > 0 && Number.isInteger(picoseconds))).toBe(true);
      times
        .slice(1)
        .forEach(({ picoseconds }, index) =>
          expect(picoseconds).toBeGreaterThanOrEqual(times[index]?.picoseconds ?? NaN),
        );
    }
    const measured = await model.timeArchitecture(
      { ranking: identityRanking(model.shape.layers) },
      model.shape.layers,
      length,
      unattended,
    );
    const ratio = measured / (measureCost(createLatencyCost(table), model.shape.layers) / 1e9);
    expect(ratio).toBeGreaterThan(0.2); // loose, because the machine may be busy
    expect(ratio).toBeLessThan(5);
  });
});

/** The logits after each token, which sees the others only through the cache. */
async function decodeAll(directory: string, tokens: Int32Array): Promise<Float32Array[]> {
  const checkpoint = await openCheckpoint(directory);
  const { config, shape } = checkpoint;
  const { hidden, headDim, vocabulary } = shape;
  const sessions = createSessionPool({ threads: 1 });
  const runner = createBlockRunner(config, sessions);
  const decoder = createDecodeRunner(config, sessions, runner);
  const weights = createRankedWeights(checkpoint, createWeightStore(2 ** 28), {
    key: 'own',
    ranking: identityRanking(shape.layers),
  });
  const embedding = await checkpoint.readTensor('model.embed_tokens.weight');
  const norm = await checkpoint.readTensor('model.norm.weight');
  const head = shape.tiedEmbeddings ? embedding : await checkpoint.readTensor('lm_head.weight');
  const steps: { keys: Float32Array; values: Float32Array }[][] = shape.layers.map(() => []);
  const all: Float32Array[] = [];
  for (const [position, token] of tokens.entries()) {
    let states = embedding.slice(token * hidden, (token + 1) * hidden);
    for (const [layer, { kvHeads, queryHeadsPerKv, ffnChannels }] of shape.layers.entries()) {
      const window = config.slidingWindows[layer] ?? Infinity;
      const past = (steps[layer] ?? []).slice(Math.max(0, position + 1 - window));
      const added = { keys: new Float32Array(kvHeads * headDim), values: new Float32Array(kvHeads * headDim) };
      // [kv_heads, context, head_dim]
      const gather = (of: 'keys' | 'values') =>
        Float32Array.from({ length: kvHeads * past.length * headDim }, (_, at) => {
          const [group, step, place] = [
            Math.floor(at / (past.length * headDim)),
            Math.floor(at / headDim) % past.length,
            at % headDim,
          ];
          return past[step]?.[of][group * headDim + place] ?? NaN;
        });
      for (const step of [
        { half: 'attention', layer, kvHeads, queryHeadsPerKv },
        { half: 'ffn', layer, ffnChannels },
      ] as const) {
        const half = await weights.prepare(step);
        if (half.kind === 'nothing') continue;
        const next = new Float32Array(hidden);
        await decoder.runHalf(half, { keys: gather('keys'), values: gather('values') }, position, states, next, added);
        states = next;
      }
      steps[layer]?.push(added);
    }
    const logits = new Float32Array(vocabulary);
    await runner.computeLogits({ norm, head }, states, logits);
    all.push(logits);
  }
  await sessions.close();
  await checkpoint.close();
  return all;
}

function findLargestDifference(one: readonly Float32Array[], together: Float32Array): number {
  return Math.max(
    ...one.flatMap((logits, position) =>
      Array.from(logits, (value, token) => Math.abs(value - (together[position * logits.length + token] ?? NaN))),
    ),
  );
}
