import { describe, expect, it } from 'vitest';
import { candidateBand } from '../../../src/core/budget/budget.js';
import { measureCounts } from '../../../src/core/budget/cost-model.js';
import type { CandidateSampler, SearchProblem, Strategy, StrategyRun } from '../../../src/core/ports/strategy.js';
import { createRng } from '../../../src/core/random.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { countsKey, toRates, type Counts } from '../../../src/core/space/search-space.js';
import { hypervolume } from '../../../src/core/statistics/hypervolume.js';
import nsga2 from '../../../src/plugins/strategies/nsga2.js';
import random from '../../../src/plugins/strategies/random.js';
import { createBudgetSampler } from '../../../src/search/sampling/budget-sampler.js';
import { createPlan, measurePerplexity } from '../../search/fake-study.js';
import { createShape } from '../../support/shapes.js';
import { createCostModel } from '../../../src/core/budget/cost-spec.js';

const space = createSearchSpace(
  createShape({ layers: 12, hidden: 8, headDim: 4, kvHeads: 1, queryHeadsPerKv: 1, ffnChannels: 100, vocabulary: 16 }),
  { kinds: ['ffn_channels'], maxRate: 0.99, protectedLayers: [] },
);
const anywhere: CandidateSampler = {
  sample: (rng) => space.dimensions.map(({ counts }) => counts[rng.integer(counts.length)] ?? 0),
  isFeasible: () => true,
  repair: (counts) => counts,
};

/**
 * The problem ZDT1 of Zitzler, Deb and Thiele (2000), its best point moved off the space's edge: f1 is the first rate,
 * f2 = g (1 - sqrt(f1 / g)) with g = 1 + 9 mean |rate - 0.4| over the others, so that the front is f2 = 1 - sqrt(f1).
 */
function zdt1(counts: Counts): [number, number] {
  const [first = 0, ...others] = toRates(space, counts);
  const g = 1 + (9 * others.reduce((sum, rate) => sum + Math.abs(rate - 0.4), 0)) / others.length;
  return [first, g * (1 - Math.sqrt(first / g))];
}

const front = (space.dimensions[0]?.counts ?? []).map((count) =>
  zdt1([count, ...Array.from({ length: 11 }, () => 60)]),
);
const exact = hypervolume(front, [1.1, 1.1]);

describe('nsga2', () => {
  it('comes near the known front of a problem, and nearer than as many random points, in every seed', () => {
    for (let seed = 0; seed < 10; seed++) {
      const [bred, drawn] = [nsga2, random].map((strategy) => {
        const { best } = search(
          strategy,
          { space, sampler: anywhere, candidates: 4000, evaluated: [], rng: createRng(seed) },
          zdt1,
        );
        return hypervolume(best.map(zdt1), [1.1, 1.1]);
      });
      expect(bred).toBeGreaterThan(0.9 * exact);
      expect(drawn).toBeLessThan(0.5 * exact);
    }
  });

  it('returns points of the front that lie far apart, none of them evaluated before', () => {
    const known = [100, 50, 10].map((first) => [first, ...Array.from({ length: 11 }, () => 60)]);
    const evaluated = known.map((counts) => ({ counts, values: zdt1(counts) }));
    const { best } = search(
      nsga2,
      { space, sampler: anywhere, candidates: 4000, evaluated, rng: createRng(1) },
      zdt1,
      8,
    );
    const firsts = best.map((counts) => zdt1(counts)[0]).sort((a, b) => a - b);
    expect(firsts).toHaveLength(8);
    expect(Math.max(...firsts.slice(1).map((value, index) => value - (firsts[index] ?? 0)))).toBeLessThan(0.3);
    expect(best.some((counts) => known.map(countsKey).includes(countsKey(counts)))).toBe(false);
  });

  it('asks only about distinct points that meet the budget, the same for the same seed', () => {
    const plan = createPlan();
    const [budget] = plan.budgets;
    if (budget === undefined) throw new Error('the plan has a budget');
    const sampler = createBudgetSampler({
      space: plan.space,
      band: { ...candidateBand(plan.space.shape, budget), least: 0 },
    });
    const size = createCostModel(plan.space.shape, { kind: 'parameters' });
    const valuesOf = (counts: Counts): [number, number] => [
      measurePerplexity(plan, { counts, part: 'search' }),
      measureCounts(size, plan.space, counts),
    ];
    const run = (seed: number) =>
      search(nsga2, { space: plan.space, sampler, candidates: 1000, evaluated: [], rng: createRng(seed) }, valuesOf);
    const { asked } = run(1);
    expect(new Set(asked.map(countsKey)).size).toBe(1000);
    expect(asked.every((counts) => sampler.isFeasible(counts))).toBe(true);
    expect(run(1).asked).toEqual(asked);
    expect(run(2).asked).not.toEqual(asked);
  });
});

function search(
  strategy: Strategy<unknown, StrategyRun>,
  problem: SearchProblem,
  valuesOf: (counts: Counts) => [number, number],
  count = 40,
) {
  const parsed = strategy.options.safeParse({});
  const run = strategy.start(problem, parsed.success ? parsed.data : {});
  const asked: Counts[] = [];
  for (let points = run.ask(); points.length > 0; points = run.ask()) {
    asked.push(...points);
    const values = points.map(valuesOf);
    run.tell([
      { mean: Float64Array.from(values, ([first]) => first) },
      { mean: Float64Array.from(values, ([, second]) => second) },
    ]);
  }
  return { asked, best: run.best(count) };
}
