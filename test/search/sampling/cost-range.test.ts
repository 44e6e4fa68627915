import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureCounts } from '../../../src/core/budget/cost-model.js';
import { createCostModel, type CostSpec } from '../../../src/core/budget/cost-spec.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import type { Counts, SearchSpace } from '../../../src/core/space/search-space.js';
import { separateCost } from '../../../src/search/sampling/components.js';
import { costRange, requireAttainable } from '../../../src/search/sampling/cost-range.js';
import { createShape } from '../../support/shapes.js';

const LARGEST_SHAPE = createShape({
  layers: 126,
  hidden: 16_384,
  headDim: 128,
  kvHeads: 8,
  queryHeadsPerKv: 16,
  ffnChannels: 53_248,
  vocabulary: 128_256,
});

function listPoints({ dimensions }: SearchSpace): Counts[] {
  return dimensions.reduce<number[][]>(
    (points, { counts }) => points.flatMap((point) => counts.map((count) => [...point, count])),
    [[]],
  );
}

describe('the range of costs of a space', () => {
  it('is that of the cheapest and the dearest of all its points', () => {
    const kinds = fc.subarray(['kv_heads', 'query_heads_per_kv', 'ffn_channels'] as const, { minLength: 1 });
    const spec = fc.constantFrom<CostSpec>(
      { kind: 'parameters' },
      { kind: 'weight_bytes', bytesPerParameter: 2 },
      { kind: 'kv_cache_bytes_per_token', bytesPerValue: 2 },
      { kind: 'flops_per_token', context: 100 },
    );
    fc.assert(
      fc.property(kinds, fc.constantFrom(0.5, 0.8, 1), fc.constantFrom(1, 2), spec, (chosen, maxRate, tieRun, cost) => {
        const space = createSearchSpace(
          createShape({
            layers: 2,
            hidden: 8,
            headDim: 4,
            kvHeads: 2,
            queryHeadsPerKv: 2,
            ffnChannels: 5,
            vocabulary: 16,
          }),
          { kinds: chosen, maxRate, tieRun, protectedLayers: [] },
        );
        const model = createCostModel(space.shape, cost);
        const costs = listPoints(space).map((counts) => measureCounts(model, space, counts));
        expect(costRange(space, model)).toEqual({ least: Math.min(...costs), most: Math.max(...costs) });
      }),
    );
  });

  it('of the largest Llama is found, and its budgets checked, without holding up others', () => {
    const space = createSearchSpace(LARGEST_SHAPE, {
      maxRate: 1,
      protectedLayers: [],
      kinds: ['kv_heads', 'query_heads_per_kv', 'ffn_channels'],
    });
    const { user } = process.cpuUsage();
    requireAttainable(
      space,
      Array.from({ length: 16 }, () => ({ cost: { kind: 'parameters' }, limit: 3e11 })),
    );
    expect(process.cpuUsage({ user, system: 0 }).user / 1000).toBeLessThan(250);
    expect(() => requireAttainable(space, [{ cost: { kind: 'parameters' }, limit: 1e9 }])).toThrow(
      expect.objectContaining({ reason: 'BUDGET_INFEASIBLE' }),
    );
  });

  it('counts layers that are alike once', () => {
    const { components } = separateCost(
      createSearchSpace(LARGEST_SHAPE, { maxRate: 0.5, protectedLayers: [0] }),
      createCostModel(LARGEST_SHAPE, { kind: 'parameters' }),
    );
    expect(components).toHaveLength(250);
    expect(new Set(components.map(({ costs }) => costs)).size).toBe(2);
  });
});
