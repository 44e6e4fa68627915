import { describe, expect, it } from 'vitest';
import type { EvaluatedPoint } from '../../../src/core/ports/strategy.js';
import { createRng } from '../../../src/core/random.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { countsKey, type Counts } from '../../../src/core/space/search-space.js';
import random from '../../../src/plugins/strategies/random.js';
import { createBudgetSampler } from '../../../src/search/sampling/budget-sampler.js';
import { createShape } from '../../support/shapes.js';
import { createCostModel } from '../../../src/core/budget/cost-spec.js';

const space = createSearchSpace(
  createShape({ layers: 2, hidden: 8, headDim: 4, kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: 12, vocabulary: 16 }),
  { maxRate: 0.99 },
);
const sampler = createBudgetSampler({
  space,
  band: { cost: createCostModel(space.shape, { kind: 'parameters' }), least: 900, most: 1000 },
});
const points = Math.round(Math.exp(sampler.logPoints));

describe('random', () => {
  it('asks about distinct points until it has as many as it may', () => {
    const { asked } = search({ candidates: 50 });
    expect(asked.length).toBe(50);
    expect(new Set(asked.map(countsKey)).size).toBe(50);
    expect(asked.every((counts) => sampler.isFeasible(counts))).toBe(true);
  });

  it('asks about every point of a space that has fewer, and then ends', () => {
    const { asked } = search({ candidates: 100_000 });
    expect(asked.length).toBe(points);
  });

  it('returns the best predicted ones first, none of them evaluated before', () => {
    const all = search({ candidates: 100_000 });
    const order = all.asked.toSorted((a, b) => valueOf(a) - valueOf(b));
    expect(all.run.best(3).map(valueOf)).toEqual(order.slice(0, 3).map(valueOf));
    const known = order.slice(0, 5);
    const { run } = search({ candidates: 100_000, evaluated: known.map((counts) => ({ counts, values: [0] })) });
    const best = run.best(8).map(countsKey);
    expect(best.length).toBe(8);
    expect(best.some((key) => known.map(countsKey).includes(key))).toBe(false);
  });

  it('asks the same for the same seed', () => {
    expect(search({ candidates: 40 }).asked).toEqual(search({ candidates: 40 }).asked);
    expect(search({ candidates: 40, seed: 2 }).asked).not.toEqual(search({ candidates: 40 }).asked);
  });
});

function search({
  candidates,
  evaluated = [],
  seed = 1,
}: {
  candidates: number;
  evaluated?: readonly EvaluatedPoint[];
  seed?: number;
}) {
  const run = random.start(
    { space, candidates, sampler, evaluated, rng: createRng(seed) },
    random.options.parse({ batch: 16 }),
  );
  const asked: Counts[] = [];
  for (let batch = run.ask(); batch.length > 0; batch = run.ask()) {
    asked.push(...batch);
    run.tell([{ mean: Float64Array.from(batch, valueOf) }]);
  }
  return { run, asked };
}

/** Distinct for distinct points: no two predictions tie. */
function valueOf(counts: Counts): number {
  return counts.reduce((sum, count, index) => sum + count * Math.sqrt(index + 2), 0);
}
