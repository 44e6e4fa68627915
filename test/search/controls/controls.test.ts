import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Budget } from '../../../src/core/budget/budget.js';
import { measureCounts } from '../../../src/core/budget/cost-model.js';
import { createCostModel } from '../../../src/core/budget/cost-spec.js';
import { createRng } from '../../../src/core/random.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { denseCounts, type Counts } from '../../../src/core/space/search-space.js';
import { findCalibrationErrorAllocation, type LayerErrors } from '../../../src/search/controls/calibration-error.js';
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
    // 20 % of 260,032 are 52,006.4, over five layers 10,401.3. One group of four goes at rate 0.125, so that 7,330 are
    // left:
    // 38.2 channels, 39 of 172; at rate 0.125 only 21 or 22 are gone, 39 at (38.5 / 172) = 0.2238.
    const point = findUniformPaper(space, budget(Math.floor(dense * 0.8)));
    expect(point?.counts).toEqual([3, 133, 3, 133, 3, 133, 3, 133, 3, 133]);
    expect(point?.rate).toBeCloseTo(38.5 / 172, 12);
    expect(dense - size(point?.counts ?? [])).toBe(5 * (GROUP + 39 * CHANNEL));
  });

  it('meets every budget that can be met, with the next lower rate not meeting it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 60_000, max: 300_000 }), (limit) => {
        const point = findUniformPaper(space, budget(limit));
        const { counts, rate } = point ?? { counts: space.dimensions.map(() => 1), rate: 1 };
        expect(size(counts) <= limit).toBe(point !== undefined);
        const below = space.dimensions.map(({ size: n }) =>
          Math.max(1, Math.floor(n * (1 - Math.max(0, rate - 1e-7)) + 0.5)),
        );
        expect(rate === 0 || size(below) > limit).toBe(true);
      }),
    );
  });

  it('gives nothing if even one unit of each costs too much', () => {
    expect(findUniformPaper(space, budget(1000))).toBeUndefined();
  });
});

describe('listUniformBest', () => {
  it('gives the most channels that fit for each key-value count', () => {
    const limit = Math.floor(dense * 0.8);
    const candidates = listUniformBest(space, budget(limit));
    // Each group kept less than four gives 3,072 to the channels, 16 of them; 10,401.3 a layer have to go.
    expect(candidates.map(([groups, channels]) => [groups, channels])).toEqual([
      [1, 165],
      [2, 149],
      [3, 133],
      [4, 117],
    ]);
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
  const tiny = createSearchSpace(
    createShape({ layers: 2, hidden: 8, headDim: 4, kvHeads: 1, queryHeadsPerKv: 2, ffnChannels: 4, vocabulary: 16 }),
    { kinds: ['ffn_channels'], maxRate: 1 },
  );
  const total = measureCounts(createCostModel(tiny.shape, { kind: 'parameters' }), tiny, [4, 4]);

  it('removes units in the order of their standardised scores over all layers', () => {
    // Standardised, layer 0 is (-1.34, -0.45, 0.45, 1.34) whatever its unit; layer 1 (-0.58, -0.58, -0.58, 1.73).
    const scores = [
      { kv_heads: [1], ffn_channels: [100, 300, 200, 400] },
      { kv_heads: [1], ffn_channels: [2, 1, 1, 1] },
    ];
    const keep = (removed: number) => findGlobalThreshold(tiny, scores, budget(total - 24 * removed));
    expect([1, 2, 4, 5].map(keep)).toEqual([
      [3, 4],
      [3, 3],
      [3, 1],
      [2, 1],
    ]);
    expect(keep(7)).toBeUndefined(); // one channel of each layer stays: six can go
  });
});

describe('findCalibrationErrorAllocation', () => {
  const two = createSearchSpace(
    createShape({ layers: 2, hidden: 8, headDim: 4, kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: 7, vocabulary: 16 }),
  );

  it('has the least sum of errors, each over the total of its half-block, of all points within the budgets', async () => {
    const points = listAll();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 10_000 }),
        fc.double({ min: 0.3, max: 1, noNaN: true }),
        fc.double({ min: 0.3, max: 1, noNaN: true }),
        async (seed, share, cacheShare) => {
          const errors = drawErrors(seed);
          const budgets: Budget[] = [
            { kind: 'parameters' } as const,
            { kind: 'kv_cache_bytes_per_token', bytesPerValue: 2 } as const,
          ].map((spec, index) => ({
            cost: spec,
            limit: Math.floor(
              measureCounts(createCostModel(two.shape, spec), two, [3, 7, 3, 7]) * (index === 0 ? share : cacheShare),
            ),
          }));
          for (const asked of [budgets.slice(0, 1), budgets]) {
            const within = points.filter((counts) =>
              asked.every(
                ({ cost: spec, limit }) => measureCounts(createCostModel(two.shape, spec), two, counts) <= limit,
              ),
            );
            const found = await findCalibrationErrorAllocation(two, errors, asked, () => setImmediate());
            expect(found === undefined).toBe(within.length === 0);
            if (found === undefined) continue;
            expect(
              asked.every(
                ({ cost: spec, limit }) => measureCounts(createCostModel(two.shape, spec), two, found.counts) <= limit,
              ),
            ).toBe(true);
            expect(sumOf(errors, found.counts)).toBeCloseTo(
              Math.min(...within.map((counts) => sumOf(errors, counts))),
              12,
            );
            expect(found.bound).toBe(found.error);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('comes within a thousandth of the least for a model of 30 layers, and keeps to multiples and to one shape where layers are tied', async () => {
    const errors = SMOLLM2_SHAPE.layers.map((_, layer) => ({
      attention: draw(layer, [3]),
      ffn: draw(100 + layer, [1536]),
    }));
    const limit = Math.floor(134_515_008 * 0.8);
    const whole = createSearchSpace(SMOLLM2_SHAPE);
    const found = await findCalibrationErrorAllocation(whole, errors, budget(limit), () => setImmediate());
    const spent = measureCounts(createCostModel(SMOLLM2_SHAPE, { kind: 'parameters' }), whole, found?.counts ?? []);
    expect(spent).toBeLessThanOrEqual(limit);
    expect(limit - spent).toBeLessThan(3 * 576); // one channel
    // Steps as rough as these leave a gap of 1e-4; it is told.
    expect(found?.bound).toBeLessThanOrEqual(found?.error ?? NaN);
    expect((found?.error ?? NaN) / (found?.bound ?? NaN)).toBeLessThan(1.001);
    const alike = createSearchSpace(SMOLLM2_SHAPE, { target: 'uniform', multipleOf: { ffn_channels: 128 } });
    const uniform = await findCalibrationErrorAllocation(alike, errors, budget(limit), () => setImmediate());
    expect(uniform?.counts.length).toBe(2);
    expect((uniform?.counts[1] ?? 1) % 128).toBe(0);
  });

  it('gives nothing if even one unit of each costs too much', async () => {
    expect(await findCalibrationErrorAllocation(two, drawErrors(1), budget(100), () => setImmediate())).toBeUndefined();
  });
});

/** Falling from a total of its own to 0, bent as it likes. */
function draw(seed: number, sizes: readonly number[]): number[] {
  const rng = createRng(seed);
  const steps = Array.from({ length: sizes[0] ?? 0 }, () => rng.uniform() ** 3);
  return [...steps.map((_, kept) => steps.slice(kept).reduce((sum, step) => sum + step, 0)), 0];
}

function sumOf(errors: readonly LayerErrors[], counts: Counts): number {
  return counts.reduce((sum, count, index) => {
    const list = errors[index >> 1]?.[index % 2 === 0 ? 'attention' : 'ffn'] ?? [];
    return sum + (list[count] ?? NaN) / (list[0] ?? NaN);
  }, 0);
}

function listAll(): Counts[] {
  const points: Counts[] = [];
  for (let a = 1; a <= 3; a++)
    for (let b = 1; b <= 7; b++) for (let c = 1; c <= 3; c++) for (let d = 1; d <= 7; d++) points.push([a, b, c, d]);
  return points;
}

function drawErrors(seed: number): LayerErrors[] {
  return [0, 1].map((layer) => ({ attention: draw(seed * 4 + layer, [3]), ffn: draw(seed * 4 + layer + 2, [7]) }));
}

// 172 channels hold five blocks of 32, four groups two pairs.
const blocks = createSearchSpace(STORIES_SHAPE, { multipleOf: { kv_heads: 2, ffn_channels: 32 } });
const isChannel = (index: number): boolean => index % 2 === 1;

/** The multiples nearest to one rate. */
const nearestBlocks = (rate: number): Counts =>
  blocks.dimensions.map(({ size: n }, index) => {
    const [unit, most] = isChannel(index) ? [32, 5] : [2, 2];
    return unit * Math.min(most, Math.max(1, Math.round((n * (1 - rate)) / unit)));
  });

describe('controls of a space that asks for multiples', () => {
  it('have one rate whose nearest multiples meet the budget, and that of no lower rate do', () => {
    for (const share of [0.55, 0.6, 0.7, 0.8, 0.9, 0.97]) {
      const limit = Math.floor(dense * share);
      // The first of ten thousand rates that meets it.
      const rates = Array.from({ length: 10_000 }, (_, step) => (step + 0.5) / 10_000);
      const expected = rates.map(nearestBlocks).find((counts) => size(counts) <= limit);
      expect(findUniformPaper(blocks, budget(limit))?.counts).toEqual(expected);
    }
  });

  it('have the most blocks that fit for each number of pairs', () => {
    // 31,168 of 260,032 parameters have to go, 6,233.6 a layer. The 12 channels beyond five blocks have 2,304, a block
    // has 6,144, and so has a pair of groups: one of these two has to go too.
    expect(listUniformBest(blocks, budget(dense - 31_168)).map((counts) => counts.slice(0, 2))).toEqual([
      [2, 160],
      [4, 128],
    ]);
  });

  it('remove blocks by their mean score until the budget is met, and put back what fits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.integer({ min: 55, max: 97 }), (seed, percent) => {
        const rng = createRng(seed);
        const scores = STORIES_SHAPE.layers.map(({ kvHeads, ffnChannels }) => ({
          kv_heads: Float32Array.from({ length: kvHeads }, () => rng.uniform()),
          ffn_channels: Float32Array.from({ length: ffnChannels }, () => rng.uniform()),
        }));
        const limit = Math.floor((dense * percent) / 100);
        const counts = findGlobalThreshold(blocks, scores, budget(limit)) ?? [];
        expect(counts).toHaveLength(10);
        expect(size(counts)).toBeLessThanOrEqual(limit);
        const units = counts.map((count, index) =>
          isChannel(index) ? { count, unit: 32, most: 160 } : { count, unit: 2, most: 4 },
        );
        for (const { count, unit } of units) expect([count % unit, count > 0]).toEqual([0, true]);
        const others = units.flatMap(({ count, unit, most }, index) =>
          count < most ? [size(counts.with(index, count + unit))] : [],
        );
        for (const other of others) expect(other).toBeGreaterThan(limit);
      }),
      { numRuns: 30 },
    );
  });
});
