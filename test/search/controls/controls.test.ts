import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCostModel, measureCounts } from '../../../src/core/budget/cost-model.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { denseCounts, type Counts } from '../../../src/core/space/search-space.js';
import { findGlobalThreshold } from '../../../src/search/controls/global-threshold.js';
import { findUniformPaper, listUniformBest } from '../../../src/search/controls/uniform.js';
import { createShape, SMOLLM2_SHAPE, STORIES_SHAPE } from '../../support/shapes.js';

const space = createSearchSpace(STORIES_SHAPE);
const cost = createCostModel(STORIES_SHAPE, { kind: 'parameters' });
const size = (counts: Counts): number => measureCounts(cost, space, counts);
const dense = size(denseCounts(space));
const budget = (limit: number) => [{ cost: { kind: 'parameters' }, limit }] as const;

/** A channel has 3 x 64 parameters, a key-value group 64 x 8 of k and of v and twice that of q and of o: 3,072. */
const [CHANNEL, GROUP] = [192, 3072];

describe('findUniformPaper', () => {
  it('takes the counts just past the lowest rate that meets the budget', () => {
    // 20 % of 260,032 are 52,006.4, over five layers 10,401.3. One group of four goes at rate 0.125, so that 7,330 are left:
    // 38.2 channels, 39 of 172; at rate 0.125 only 21 or 22 are gone, 39 at (38.5 / 172) = 0.2238.
    const point = findUniformPaper(space, budget(Math.floor(dense * 0.8)));
    expect(point?.counts).toEqual([3, 133, 3, 133, 3, 133, 3, 133, 3, 133]);
    expect(point?.rate).toBeCloseTo(38.5 / 172, 12);
    expect(dense - size(point?.counts ?? [])).toBe(5 * (GROUP + 39 * CHANNEL));
  });

  it('meets every budget that can be met, with the next lower rate not meeting it', () => {
    fc.assert(fc.property(fc.integer({ min: 60_000, max: 300_000 }), (limit) => {
      const point = findUniformPaper(space, budget(limit));
      const { counts, rate } = point ?? { counts: space.dimensions.map(() => 1), rate: 1 };
      expect(size(counts) <= limit).toBe(point !== undefined);
      const below = space.dimensions.map(({ size: n }) => Math.max(1, Math.floor(n * (1 - Math.max(0, rate - 1e-7)) + 0.5)));
      expect(rate === 0 || size(below) > limit).toBe(true);
    }));
  });

  it('leaves nothing to say where even one unit of each costs too much', () => {
    expect(findUniformPaper(space, budget(1000))).toBeUndefined();
  });
});

describe('listUniformBest', () => {
  it('gives the most channels that fit for each key-value count', () => {
    const limit = Math.floor(dense * 0.8);
    const candidates = listUniformBest(space, budget(limit));
    // Each group kept less than four gives 3,072 to the channels, 16 of them; 10,401.3 a layer have to go.
    expect(candidates.map(([groups, channels]) => [groups, channels])).toEqual([[1, 165], [2, 149], [3, 133], [4, 117]]);
    for (const counts of candidates) {
      expect(size(counts)).toBeLessThanOrEqual(limit);
      expect(size(counts.map((count, index) => (index % 2 === 1 ? count + 1 : count)))).toBeGreaterThan(limit);
    }
  });

  it('keeps to the one kind that takes part', () => {
    const channels = createSearchSpace(SMOLLM2_SHAPE, { kinds: ['ffn_channels'] });
    const candidates = listUniformBest(channels, budget(Math.floor(134_515_008 * 0.8)));
    expect(candidates.length).toBe(1);
    expect(new Set(candidates[0])).toEqual(new Set([1536 - Math.ceil((134_515_008 * 0.2) / 25 / 1728)]));
  });
});

describe('findGlobalThreshold', () => {
  const tiny = createSearchSpace(createShape({ layers: 2, hidden: 8, headDim: 4, kvHeads: 1, queryHeadsPerKv: 2, ffnChannels: 4, vocabulary: 16 }), { kinds: ['ffn_channels'], maxRate: 1 });
  const total = measureCounts(createCostModel(tiny.shape, { kind: 'parameters' }), tiny, [4, 4]);

  it('removes units in the order of their standardised scores over all layers', () => {
    // Standardised, layer 0 is (-1.34, -0.45, 0.45, 1.34) whatever its unit; layer 1 (-0.58, -0.58, -0.58, 1.73).
    const scores = [{ kv_heads: [1], ffn_channels: [100, 300, 200, 400] }, { kv_heads: [1], ffn_channels: [2, 1, 1, 1] }];
    const keep = (removed: number) => findGlobalThreshold(tiny, scores, budget(total - 24 * removed));
    expect([1, 2, 4, 5].map(keep)).toEqual([[3, 4], [3, 3], [3, 1], [2, 1]]);
    expect(keep(7)).toBeUndefined(); // one channel of each layer stays: six can go
  });
});
