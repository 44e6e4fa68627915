import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidateBand, pairBand, type CostBand } from '../../../src/core/budget/budget.js';
import { measureCounts } from '../../../src/core/budget/cost-model.js';
import { createCostModel } from '../../../src/core/budget/cost-spec.js';
import { createRng } from '../../../src/core/random.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { countsKey, denseCounts, type Counts, type SearchSpace } from '../../../src/core/space/search-space.js';
import {
  createBudgetSampler,
  requireFeasible,
  type BudgetSampler,
} from '../../../src/search/sampling/budget-sampler.js';
import { drawDistinct } from '../../../src/search/sampling/draw-points.js';
import { createShape, SMOLLM2_SHAPE, STORIES_SHAPE } from '../../support/shapes.js';

/** Two layers, both kinds: small enough to list every point. */
const TINY = createSearchSpace(
  createShape({ layers: 2, hidden: 8, headDim: 4, kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: 12, vocabulary: 16 }),
  { maxRate: 0.99 },
);
const tinyCost = createCostModel(TINY.shape, { kind: 'parameters' });

const smol = createSearchSpace(SMOLLM2_SHAPE);
const smolBudget = { cost: { kind: 'parameters' }, limit: Math.floor(134_515_008 * 0.8) } as const;

describe('createBudgetSampler', () => {
  it('draws every point of the band, and each as often as any other', () => {
    const band = { cost: tinyCost, least: 900, most: 1100 };
    const points = listPoints(TINY).filter((counts) => isWithin(TINY, counts, band));
    expect(points.length).toBeGreaterThan(100);
    const sampler = createBudgetSampler({ space: TINY, band });
    expect(sampler.logPoints).toBeCloseTo(Math.log(points.length), 9);
    expect(chiSquarePerPoint(sampler, points)).toBeLessThan(1 + 5 * Math.sqrt(2 / (points.length - 1)));
  });

  it('draws each part of a wide band equally often, and the points of a part too', () => {
    const cheapest = measure(
      TINY,
      TINY.dimensions.map(({ counts }) => counts[0] ?? 0),
    );
    const band = { cost: tinyCost, least: cheapest, most: 1300 };
    const points = listPoints(TINY).filter((counts) => isWithin(TINY, counts, band));
    const partOf = (counts: Counts): number => Math.floor((4 * (measure(TINY, counts) - cheapest)) / (1301 - cheapest));
    const [whole, cut] = [1, 4].map((parts) => createBudgetSampler({ space: TINY, band, parts }));
    expect(cut?.logPoints).toBeCloseTo(Math.log(points.length), 9);
    const [plain, drawn] = [whole, cut].map((sampler) => drawMany(sampler, 4000));
    expect(plain?.filter((counts) => partOf(counts) === 0).length).toBeLessThan(400);
    for (const part of [0, 1, 2, 3])
      expect(Math.abs((drawn ?? []).filter((counts) => partOf(counts) === part).length - 1000)).toBeLessThan(120);
    const keys = new Set(drawn?.map(countsKey));
    expect(points.filter((counts) => partOf(counts) === 0).every((counts) => keys.has(countsKey(counts)))).toBe(true);
  });

  it('brings a point outside a band in parts to the nearer end', () => {
    const sampler = createBudgetSampler({
      space: smol,
      band: { cost: createCostModel(smol.shape, smolBudget.cost), least: 80_000_000, most: smolBudget.limit },
      parts: 8,
    });
    const repaired = sampler.repair(denseCounts(smol), createRng(1)) ?? [];
    expect(measure(smol, repaired)).toBeGreaterThan(0.99 * smolBudget.limit);
    expect(sampler.isFeasible(repaired)).toBe(true);
  });

  it('draws tied points alone, and each as often as any other', () => {
    const band = { cost: tinyCost, least: 700, most: 1300 };
    const points = listPoints(TINY).filter(
      (counts) => counts[0] === counts[2] && counts[1] === counts[3] && isWithin(TINY, counts, band),
    );
    const sampler = createBudgetSampler({ space: TINY, band, tieRun: 2 });
    expect(sampler.logPoints).toBeCloseTo(Math.log(points.length), 9);
    expect(chiSquarePerPoint(sampler, points)).toBeLessThan(1 + 5 * Math.sqrt(2 / (points.length - 1)));
    const free = listPoints(TINY).find((counts) => counts[0] !== counts[2] && isWithin(TINY, counts, band));
    expect(sampler.isFeasible(free ?? [])).toBe(false);
  });

  it('counts heads inside groups together with their groups, dropped attention once', () => {
    const shape = createShape({
      layers: 2,
      hidden: 8,
      headDim: 4,
      kvHeads: 2,
      queryHeadsPerKv: 3,
      ffnChannels: 6,
      vocabulary: 16,
    });
    const space = createSearchSpace(shape, { kinds: ['kv_heads', 'query_heads_per_kv'], minRate: 0, maxRate: 1 });
    const cost = createCostModel(shape, { kind: 'parameters' });
    const band = { cost, least: 0, most: 10_000 };
    const sampler = createBudgetSampler({ space, band });
    expect(Math.exp(sampler.logPoints)).toBeCloseTo(49, 6); // 2 x 3 combinations and none at all, in each of two layers
    const drawn = drawDistinct(sampler, 100, createRng(1), new Set());
    expect(drawn.length).toBe(49);
    expect(drawn.filter(([kvHeads]) => kvHeads === 0).every(([, heads]) => heads === 0)).toBe(true);
    expect(drawn.every((counts) => sampler.isFeasible(counts))).toBe(true);
  });

  it('meets any band that has a point, and says so where none has', () => {
    const total = {
      least: measure(
        TINY,
        TINY.dimensions.map(({ counts }) => counts[0] ?? 0),
      ),
      most: measure(TINY, denseCounts(TINY)),
    };
    const costs = listPoints(TINY).map((counts) => measure(TINY, counts));
    fc.assert(
      fc.property(
        fc.integer({ min: total.least - 50, max: total.most + 50 }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer(),
        (least, width, seed) => {
          const band = { cost: tinyCost, least, most: least + width };
          const sampler = createBudgetSampler({ space: TINY, band });
          const inside = costs.some((cost) => cost >= band.least && cost <= band.most);
          expect(sampler.isEmpty).toBe(!inside);
          const counts = sampler.sample(createRng(seed));
          expect(counts === undefined ? inside : !sampler.isFeasible(counts)).toBe(false);
          const middle = least + width / 2;
          const nearest = costs.reduce((best, cost) =>
            Math.abs(cost - middle) < Math.abs(best - middle) ? cost : best,
          );
          expect(inside || Math.abs(sampler.nearestCost - middle) === Math.abs(nearest - middle)).toBe(true);
        },
      ),
    );
  });

  it('spends all but half a percent of the budget with SmolLM2, draw after draw, and the same ones for the same seed', () => {
    const band = candidateBand(SMOLLM2_SHAPE, smolBudget);
    const sampler = createBudgetSampler({ space: smol, band });
    const draw = (seed: number): Counts[] => drawDistinct(sampler, 300, createRng(seed), new Set());
    const points = draw(11);
    expect(points.length).toBe(300);
    for (const counts of points) {
      expect(isWithin(smol, counts, band)).toBe(true);
      expect(smol.dimensions.every((dimension, index) => dimension.counts.includes(counts[index] ?? -1))).toBe(true);
    }
    expect(draw(11)).toEqual(points);
    expect(draw(12)).not.toEqual(points);
  });

  it('ties by four in the band of pairs', () => {
    const band = pairBand(smol, smolBudget, 0.1);
    const sampler = createBudgetSampler({ space: smol, band, tieRun: 4 });
    const counts = sampler.sample(createRng(3)) ?? [];
    expect(isWithin(smol, counts, band)).toBe(true);
    expect(new Set([0, 2, 4, 6].map((index) => counts[index])).size).toBe(1); // layers 3 to 6, key-value heads
    expect(new Set([1, 3, 5, 7].map((index) => counts[index])).size).toBe(1);
  });

  it('stays exact in coarse units, if biases leave no useful common divisor', () => {
    // Qwen2.5-0.5B: a key-value group costs 918,080, a channel 2,688, their divisor is 64: 1.5 million units at 20 %.
    const shape = {
      ...createShape({
        layers: 24,
        hidden: 896,
        headDim: 64,
        kvHeads: 2,
        queryHeadsPerKv: 7,
        ffnChannels: 4864,
        vocabulary: 151_936,
      }),
      biases: { queryKeyValue: true, attentionOutput: false, ffn: false },
    };
    const space = createSearchSpace(shape);
    const cost = createCostModel(shape, { kind: 'parameters' });
    const band = candidateBand(shape, {
      cost: { kind: 'parameters' },
      limit: Math.floor(measureCounts(cost, space, denseCounts(space)) * 0.8),
    });
    const sampler = createBudgetSampler({ space, band });
    const rng = createRng(1);
    for (let draw = 0; draw < 50; draw++) expect(sampler.isFeasible(sampler.sample(rng) ?? [])).toBe(true);
  });

  it('meets further bands by drawing again', () => {
    const also = [
      {
        cost: createCostModel(TINY.shape, { kind: 'kv_cache_bytes_per_token', bytesPerValue: 2 }),
        least: 0,
        most: 4 * 16,
      },
    ];
    const sampler = createBudgetSampler({ space: TINY, band: { cost: tinyCost, least: 700, most: 1000 }, also });
    const rng = createRng(2);
    for (let draw = 0; draw < 100; draw++) {
      const [a = 9, , b = 9] = sampler.sample(rng) ?? [];
      expect(a + b).toBeLessThanOrEqual(4);
    }
  });
});

describe('repair', () => {
  it('brings any point into the band, near to where it was', () => {
    const band = candidateBand(SMOLLM2_SHAPE, smolBudget);
    const sampler = createBudgetSampler({ space: smol, band });
    const rng = createRng(4);
    const distances = Array.from({ length: 50 }, (_, seed) => {
      const start = (sampler.sample(rng) ?? []).map((count, index) =>
        index % 2 === 1 ? Math.min(1536, count + 60) : count,
      ); // 25 layers x 60 channels too many
      const repaired = sampler.repair(start, createRng(seed)) ?? [];
      expect(sampler.isFeasible(repaired)).toBe(true);
      return start.reduce((sum, count, index) => sum + Math.abs(count - (repaired[index] ?? 0)), 0);
    });
    // Two free draws are some 6,400 channels apart (25 x 768 / 3).
    expect(Math.max(...distances)).toBeLessThan(4000);
  });

  it('leaves a feasible point as it is', () => {
    const sampler = createBudgetSampler({ space: TINY, band: { cost: tinyCost, least: 900, most: 1100 } });
    const counts = sampler.sample(createRng(1)) ?? [];
    expect(sampler.repair(counts, createRng(2))).toEqual(counts);
  });
});

describe('requireFeasible', () => {
  it('names the nearest cost that can be met', () => {
    const band = { cost: createCostModel(STORIES_SHAPE, { kind: 'parameters' }), least: 1000, most: 2000 };
    const space = createSearchSpace(STORIES_SHAPE);
    const least = measureCounts(
      band.cost,
      space,
      space.dimensions.map(({ counts }) => counts[0] ?? 0),
    );
    expect(() => requireFeasible(createBudgetSampler({ space, band }), band)).toThrow(
      expect.objectContaining({
        reason: 'BUDGET_INFEASIBLE',
        metadata: expect.objectContaining({ nearest: String(least) }),
      }),
    );
  });
});

function measure(space: SearchSpace, counts: Counts): number {
  return measureCounts(createCostModel(space.shape, { kind: 'parameters' }), space, counts);
}

function isWithin(space: SearchSpace, counts: Counts, { cost, least, most }: CostBand): boolean {
  const spent = measureCounts(cost, space, counts);
  return spent >= least && spent <= most;
}

function listPoints(space: SearchSpace): Counts[] {
  return space.dimensions.reduce<Counts[]>(
    (points, { counts }) => points.flatMap((point) => counts.map((count) => [...point, count])),
    [[]],
  );
}

/**
 * Pearson's statistic over its degrees of freedom: 1 in the mean under uniformity, with deviation sqrt(2 / degrees).
 */
function chiSquarePerPoint(sampler: BudgetSampler, points: readonly Counts[]): number {
  const seen = new Map(points.map((counts) => [countsKey(counts), 0]));
  const rng = createRng(2026);
  const draws = 40 * points.length;
  for (let draw = 0; draw < draws; draw++) {
    const key = countsKey(sampler.sample(rng) ?? []);
    const before = seen.get(key);
    if (before === undefined) throw new Error(`${key} does not lie in the band`);
    seen.set(key, before + 1);
  }
  return [...seen.values()].reduce((sum, count) => sum + (count - 40) ** 2 / 40, 0) / (points.length - 1);
}

function drawMany(sampler: BudgetSampler | undefined, count: number): Counts[] {
  const rng = createRng(3);
  return Array.from({ length: count }, () => sampler?.sample(rng) ?? []);
}
