import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { identityRanking } from '../../../src/core/model/units.js';
import type { Checkpoint } from '../../../src/engine/checkpoint/checkpoint.js';
import type { Compensation } from '../../../src/core/ports/compensation.js';
import { planRuns } from '../../../src/core/run-batches.js';
import { placeSpans, type Sequence } from '../../../src/core/sequence.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { createBlockRunner } from '../../../src/engine/forward/block-runner.js';
import { splitVocabulary } from '../../../src/engine/weights/head-reader.js';
import type { WeightSource } from '../../../src/engine/weights/layer-weights.js';
import { createModelRuntime } from '../../../src/engine/runtime/model-runtime.js';
import { planMemory } from '../../../src/engine/runtime/plan-memory.js';
import { createStatePool } from '../../../src/engine/forward/hidden-states.js';
import { scoreSpans } from '../../../src/engine/forward/score-spans.js';
import { createSpanScores } from '../../../src/engine/forward/span-scores.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import { calibrationSequences, evaluationWindows } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { findLeastBudget } from '../../support/least-budget.js';

const GIBIBYTE = 2 ** 30;

let checkpoint: Checkpoint;
beforeAll(async () => {
  checkpoint = await openCheckpoint(DEMO_DIRECTORY);
});
afterAll(() => checkpoint.close());

/** Losses of architectures within a budget, and how often each value of each tensor was read. */
async function evaluateWithin(
  memoryBudgetBytes: number,
  architectures: readonly Architecture[],
  windows: readonly Sequence[],
): Promise<{ readonly losses: Float64Array[]; readonly reads: Readonly<Record<string, number>> }> {
  const reads: Record<string, number> = {};
  const count = (name: string, values: Float32Array): Float32Array => {
    reads[name] =
      (reads[name] ?? 0) +
      values.length / (checkpoint.tensors.get(name)?.shape ?? []).reduce((product, size) => product * size, 1);
    return values;
  };
  const source: WeightSource = {
    config: checkpoint.config,
    tensors: checkpoint.tensors,
    readTensor: async (name) => count(name, await checkpoint.readTensor(name)),
    readRows: async (name, first, rows) => count(name, await checkpoint.readRows(name, first, rows)),
  };
  const runtime = createModelRuntime(source, { threads: 1, memoryBudgetBytes });
  const losses: Float64Array[] = [];
  for await (const { index, losses: own } of runtime.observe(
    { key: 'own', ranking: identityRanking(checkpoint.shape.layers) },
    architectures,
    { request: { sequences: windows }, batches: planRuns(windows) },
    unattended,
  ))
    losses[index] = own;
  await runtime.close();
  return { losses, reads };
}

describe('an evaluation whose weights do not fit in memory', () => {
  const architectures = [120, 60].map((ffnChannels, index): Architecture => checkpointLayers(index, ffnChannels));
  const windows = evaluationWindows.slice(0, 16);

  it('reads each layer once and only the embedding rows in use, and gives the same losses bit for bit', async () => {
    const budget = findLeastBudget(checkpoint.shape, { longest: 128 }) + 1_200_000;
    expect(planMemory(checkpoint.shape, budget, { longest: 128 })).toMatchObject({
      layers: 'streamed',
      keptSessions: 0,
    });
    const [little, plenty] = [
      await evaluateWithin(budget, architectures, windows),
      await evaluateWithin(GIBIBYTE, architectures, windows),
    ];
    expect(little.losses).toEqual(plenty.losses);
    const layers = Object.entries(little.reads).filter(([name]) => name.startsWith('model.layers.'));
    expect(layers).toHaveLength(5 * 9);
    expect(layers.filter(([, times]) => times !== 1)).toEqual([]);
    // Tied: the head is read for each of the two, and the rows of the text's tokens.
    const rows = new Set(windows.flatMap(({ tokens }) => [...tokens])).size / 512;
    expect(rows).toBeLessThan(0.9);
    expect(little.reads['model.embed_tokens.weight']).toBeCloseTo(2 + rows, 6);
  });
});

/** One layer with fewer channels. */
function checkpointLayers(pruned: number, ffnChannels: number): Architecture {
  return Array.from({ length: 5 }, (_, layer) => ({
    kvHeads: 4,
    queryHeadsPerKv: 2,
    ffnChannels: layer === pruned ? ffnChannels : 172,
  }));
}

describe('a recipe whose Gram matrices do not fit in memory', () => {
  it.each([
    ['least-squares', { damping: 0.01, fit: 'one-shot' }],
    ['affine', { damping: 0.01 }],
  ] as const)('gives the same losses, errors and weights bit for bit: %s', async (id, options) => {
    const moduleUrl = new URL(`../../../src/plugins/compensations/${id}.js`, import.meta.url);
    const { default: plugin } = (await import(moduleUrl.href)) as { readonly default: Compensation };
    const preparing = plugin.preparingBytes?.bind(plugin);
    if (preparing === undefined) throw new Error('the plug-in does not say what it holds');
    const work = { longest: 128, needs: plugin.needs, preparing, gramBytes: 4 * 5 * (64 ** 2 + 172 ** 2) };
    const compensate = (memoryBudgetBytes: number) =>
      withModel(
        DEMO_DIRECTORY,
        async (model) => {
          const calibration = await model.calibrate(calibrationSequences, plugin.needs, unattended);
          const recipe = {
            ranking: identityRanking(model.shape.layers),
            compensation: { plugin, options, moduleUrl, calibration },
          };
          const losses: Float64Array[] = [];
          for await (const { index, losses: own } of model
            .subject(recipe)
            .observe([checkpointLayers(1, 100), checkpointLayers(3, 31)], { sequences: evaluationWindows }, unattended))
            losses[index] = own;
          return {
            losses,
            errors: await model.calibrationErrors(recipe, unattended),
            compensated: await model.blockMap(
              recipe,
              { layer: 3, part: 'down', architecture: checkpointLayers(3, 31) },
              unattended,
            ),
          };
        },
        { memoryBudgetBytes },
      );

    const budget =
      Math.max(
        findLeastBudget(checkpoint.shape, { longest: 128, needs: plugin.needs }),
        findLeastBudget(checkpoint.shape, { longest: 128, preparing }),
      ) + 400_000;
    expect(planMemory(checkpoint.shape, budget, work).gramBytes).toBeLessThan(work.gramBytes / 2);
    expect(await compensate(budget)).toEqual(await compensate(GIBIBYTE));
  });
});

describe('planMemory', () => {
  it('sets room aside for the factors that a training keeps beside the weights', () => {
    const { layers } = checkpoint.shape;
    const leastOf = (rank: number): number =>
      findLeastBudget(checkpoint.shape, {
        longest: 128,
        training: { architecture: layers, rank, stepTokens: 1024, layerErrors: false },
      });
    // Of q and o [64, 64], k and v [32, 64], gate, up and down [172, 64], in each of five layers.
    const factors = 5 * 4 * (2 * (64 + 64) + 2 * (32 + 64) + 3 * (172 + 64));
    expect(leastOf(4) - leastOf(0)).toBe(4 * factors);
  });

  it("sets room aside for the teacher's states after each layer where a training counts the layers' own errors", () => {
    const { layers } = checkpoint.shape;
    const leastOf = (layerErrors: boolean): number =>
      findLeastBudget(checkpoint.shape, {
        longest: 128,
        training: { architecture: layers, rank: 0, stepTokens: 1024, layerErrors },
      });
    // 64 float32 values a token, in each of five layers.
    expect(leastOf(true) - leastOf(false)).toBe(5 * 64 * 4 * 1024);
  });

  it('never grants more than the budget, whatever is asked for', () => {
    const works = [
      { longest: 128 },
      { longest: 512, needs: ['gram'] as const, gramBytes: 5_000_000 },
      { longest: 128, needs: ['gradients'] as const, tokens: 50_000 },
      { longest: 32, preparing: () => 3_000_000, gramBytes: GIBIBYTE },
    ];
    for (const work of works) {
      const least = findLeastBudget(checkpoint.shape, work);
      for (const budget of [least, least + 1_000_000, 2 * least, 20 * least]) {
        const { storeBytes, stateBytes, gramBytes } = planMemory(checkpoint.shape, budget, work);
        expect(storeBytes + stateBytes + gramBytes).toBeLessThanOrEqual(budget);
      }
      expect(() => planMemory(checkpoint.shape, least - 1, work)).toThrow(
        expect.objectContaining({
          reason: 'MEMORY_EXCEEDED',
          metadata: { needed_bytes: String(least), budget_bytes: String(least - 1) },
        }),
      );
    }
  });
});

describe('planMemory of a timed token', () => {
  it('counts the keys and values before it, and says that a shorter context needs less', () => {
    // 4 copies of 4 groups of 8 float32 numbers, keys and values: 1 kB a token.
    expect(
      findLeastBudget(checkpoint.shape, { longest: 1, cached: 1_000_000 }) -
        findLeastBudget(checkpoint.shape, { longest: 1 }),
    ).toBe(1_024_000_000);
    expect(() => planMemory(checkpoint.shape, 512 * 2 ** 20, { longest: 1, cached: 1_000_000 })).toThrow(
      /context of 1000000 tokens.*ask for a shorter context/,
    );
    expect(() => planMemory(checkpoint.shape, 512 * 2 ** 20, { longest: 1, cached: 100_000 })).not.toThrow();
  });
});

describe('scoreSpans', () => {
  it('gives the losses and hits of the whole head when it reads it in parts', async () => {
    const {
      config,
      shape: { hidden, vocabulary },
    } = checkpoint;
    const sessions = createSessionPool({ threads: 1 });
    const runner = createBlockRunner(config, sessions);
    const head = await checkpoint.readTensor('model.embed_tokens.weight');
    const norm = await checkpoint.readTensor('model.norm.weight');
    const windows = evaluationWindows.slice(0, 4);
    // Any states will do: the embeddings of the tokens themselves, scaled so that some targets are the most likely.
    const states = planRuns(windows).map(({ runs }) =>
      Float32Array.from(
        runs.flatMap((run) =>
          [...run.tokens].flatMap((_, position, tokens) => {
            const token = position % 3 === 0 ? (tokens[position + 1] ?? 0) : (tokens[position] ?? 0);
            return [...head.subarray(token * hidden, (token + 1) * hidden)];
          }),
        ),
      ),
    );
    const score = async (mostBytes?: number) => {
      const parts = splitVocabulary(vocabulary, hidden, mostBytes).map((part) => ({
        ...part,
        read: async () => head.subarray(part.first * hidden, (part.first + part.tokens) * hidden),
      }));
      const scores = createSpanScores(windows.length);
      const ended = {
        batches: planRuns(windows),
        sequences: windows,
        places: placeSpans(windows),
        states,
        pool: createStatePool(),
      };
      await scoreSpans(runner, { norm, parts }, ended, scores, unattended.signal);
      return { parts: parts.length, ...scores };
    };
    const [whole, split] = [await score(), await score((4 * 512 * 64) / 3)];
    await sessions.close();
    expect([whole.parts, split.parts]).toEqual([1, 3]);
    expect(split.hits).toEqual(whole.hits);
    expect(whole.hits.every((hits) => hits > 10)).toBe(true);
    for (const [window, loss] of split.losses.entries())
      expect(Math.abs(loss / (whole.losses[window] ?? NaN) - 1)).toBeLessThan(1e-5);
  });
});

describe('splitVocabulary', () => {
  it('covers every token once, in parts of similar size within the limit', () => {
    for (const [vocabulary, hidden, mostBytes] of [
      [32_000, 4096, 128 * 2 ** 20],
      [151_936, 896, 128 * 2 ** 20],
      [7, 2, 8],
      [5, 3, 1e9],
    ] as const) {
      const parts = splitVocabulary(vocabulary, hidden, mostBytes);
      expect(parts.reduce((next, { first, tokens }) => (first === next ? next + tokens : NaN), 0)).toBe(vocabulary);
      const sizes = parts.map(({ tokens }) => tokens);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
    expect(splitVocabulary(32_000, 4096)).toHaveLength(4);
    expect(splitVocabulary(49_152, 576)).toHaveLength(1);
  });
});
