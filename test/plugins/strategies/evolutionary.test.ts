import { describe, expect, it } from 'vitest';
import { candidateBand } from '../../../src/core/budget/budget.js';
import type { Strategy, StrategyRun } from '../../../src/core/ports/strategy.js';
import { createRng } from '../../../src/core/random.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { countsKey, toRates, type Counts } from '../../../src/core/space/search-space.js';
import { listFounders } from '../../../src/plugins/strategies/breeding/list-founders.js';
import { listLevelPoints } from '../../../src/plugins/strategies/breeding/list-level-points.js';
import evolutionary from '../../../src/plugins/strategies/evolutionary.js';
import random from '../../../src/plugins/strategies/random.js';
import { listUniformBest } from '../../../src/search/controls/uniform.js';
import { createBudgetSampler } from '../../../src/search/sampling/budget-sampler.js';
import { createPlan, measurePerplexity } from '../../search/fake-study.js';
import { SMOLLM2_SHAPE, STORIES_SHAPE } from '../../support/shapes.js';

const plan = createPlan();
const [budget] = plan.budgets;
if (budget === undefined) throw new Error('the plan has a budget');
const sampler = createBudgetSampler({ space: plan.space, band: candidateBand(plan.space.shape, budget) });
const valueOf = (counts: Counts): number => Math.log(measurePerplexity(plan, { counts, part: 'search' }));

function search(strategy: Strategy<unknown, StrategyRun>, seed: number, candidates = 1000) {
  const run = strategy.start(
    { space: plan.space, candidates, sampler, evaluated: [], rng: createRng(seed) },
    defaultsOf(strategy),
  );
  const asked: Counts[] = [];
  for (let points = run.ask(); points.length > 0; points = run.ask()) {
    asked.push(...points);
    run.tell([{ mean: Float64Array.from(points, valueOf) }]);
  }
  return { asked, best: run.best(5) };
}

function defaultsOf(strategy: Strategy): unknown {
  const parsed = strategy.options.safeParse({});
  return parsed.success ? parsed.data : {};
}

describe('evolutionary', () => {
  it('asks about distinct points, all on the budget, as many as it may', () => {
    const { asked } = search(evolutionary, 1);
    expect(asked).toHaveLength(1000);
    expect(new Set(asked.map(countsKey)).size).toBe(1000);
    expect(asked.every((counts) => sampler.isFeasible(counts))).toBe(true);
  });

  it('asks about points with one key-value count everywhere, which random draws hardly bring', () => {
    const heads = search(evolutionary, 1).asked.map((counts) =>
      counts.filter((_, index) => plan.space.dimensions[index]?.kind === 'kv_heads'),
    );
    expect(heads).toContainEqual([4, 4, 4, 4, 4]);
  });

  it('loses nothing against the best uniform architecture', () => {
    const uniform = listUniformBest(plan.space, plan.budgets).filter((counts) => sampler.isFeasible(counts));
    expect(uniform.length).toBeGreaterThan(0);
    const asked = new Set(search(evolutionary, 1, 300).asked.map(countsKey));
    expect(uniform.every((counts) => asked.has(countsKey(counts)))).toBe(true);
  });

  it('starts from a point with all heads also on a grid too coarse for one rate', () => {
    const coarse = createSearchSpace(STORIES_SHAPE, { rateStep: 0.1 });
    const draw = createBudgetSampler({ space: coarse, band: candidateBand(coarse.shape, budget) });
    const level = listLevelPoints({ space: coarse, candidates: 100, sampler: draw, evaluated: [], rng: createRng(1) });
    const heads = level.map((counts) => counts.filter((_, index) => coarse.dimensions[index]?.kind === 'kv_heads'));
    expect(heads).toContainEqual([4, 4, 4, 4, 4]);
    expect(level.every((counts) => draw.isFeasible(counts))).toBe(true);
  });

  it('asks the same for the same seed', () => {
    expect(search(evolutionary, 3, 300).asked).toEqual(search(evolutionary, 3, 300).asked);
    expect(search(evolutionary, 4, 300).asked).not.toEqual(search(evolutionary, 3, 300).asked);
  });

  it('finds better points than random draws with as many predictions, seed by seed', () => {
    const lead = Array.from({ length: 10 }, (_, seed) => {
      const [bred] = search(evolutionary, seed).best;
      const [drawn] = search(random, seed).best;
      return valueOf(drawn ?? []) - valueOf(bred ?? []);
    });
    expect(lead.every((gain) => gain > 0)).toBe(true);
  });

  it('breeds from the mean of the best pairs, where what each changed by chance evens out', () => {
    const [centre = []] = listLevelPoints({
      space: plan.space,
      candidates: 100,
      sampler,
      evaluated: [],
      rng: createRng(1),
    });
    // Each of four pairs has moved two channels from the one layer to another: their mean none.
    const channels = plan.space.dimensions.flatMap(({ kind }, index) => (kind === 'ffn_channels' ? [index] : []));
    const pairs = channels
      .slice(0, 4)
      .map(
        (from, place): Counts =>
          centre.map((count, index) => count + (index === from ? -2 : index === channels[(place + 1) % 4] ? 2 : 0)),
      );
    expect(pairs.every((counts) => sampler.isFeasible(counts))).toBe(true);
    const founders = listFounders(
      {
        space: plan.space,
        candidates: 100,
        sampler,
        evaluated: pairs.map((counts) => ({ counts, values: [valueOf(counts)] })),
        rng: createRng(1),
      },
      0,
    );
    expect(founders.filter((counts) => countsKey(counts) === countsKey(centre))).not.toHaveLength(0);
    expect(founders.at(-1)).toEqual(centre);
  });

  it('finds better points by waves where what a layer can give up follows its depth', () => {
    const space = createSearchSpace(SMOLLM2_SHAPE);
    const draws = createBudgetSampler({
      space,
      band: candidateBand(space.shape, { cost: { kind: 'parameters' }, limit: 107_612_006 }),
    });
    const loss = (counts: Counts): number =>
      toRates(space, counts).reduce((sum, rate, index) => {
        const {
          kind,
          layers: [layer = 0],
        } = space.dimensions[index] ?? { kind: 'kv_heads', layers: [] };
        return sum + (rate - (kind === 'kv_heads' ? 0 : 0.41 - 0.2 * Math.cos((2 * Math.PI * (layer - 3)) / 25))) ** 2;
      }, 0);
    const best = (waves: number, seed: number): number => {
      const run = evolutionary.start({ space, candidates: 1000, sampler: draws, evaluated: [], rng: createRng(seed) }, {
        ...(defaultsOf(evolutionary) as object),
        waves,
      } as never);
      for (let points = run.ask(); points.length > 0; points = run.ask())
        run.tell([{ mean: Float64Array.from(points, loss) }]);
      return loss(run.best(1)[0] ?? []);
    };
    const wins = Array.from({ length: 10 }, (_, seed) => best(1, seed) < best(0, seed));
    expect(wins.filter(Boolean).length).toBeGreaterThanOrEqual(9);
  });
});
