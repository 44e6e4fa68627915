import { describe, expect, it } from 'vitest';
import { candidateBand } from '../../../src/core/budget/budget.js';
import type { Strategy } from '../../../src/core/ports/strategy.js';
import { createRng } from '../../../src/core/random.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { countsKey, type Counts } from '../../../src/core/space/search-space.js';
import { listLevelPoints } from '../../../src/plugins/strategies/breeding/list-level-points.js';
import evolutionary from '../../../src/plugins/strategies/evolutionary.js';
import random from '../../../src/plugins/strategies/random.js';
import { listUniformBest } from '../../../src/search/controls/uniform.js';
import { createBudgetSampler } from '../../../src/search/sampling/budget-sampler.js';
import { createPlan, measurePerplexity } from '../../search/study/fake-study.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

const plan = createPlan();
const [budget] = plan.budgets;
if (budget === undefined) throw new Error('the plan has a budget');
const sampler = createBudgetSampler({ space: plan.space, band: candidateBand(plan.space.shape, budget) });
const valueOf = (counts: Counts): number => Math.log(measurePerplexity(plan, { counts, part: 'search' }));

function search(strategy: Strategy, seed: number, candidates = 1000) {
  const run = strategy.start({ space: plan.space, candidates, sampler, evaluated: [], rng: createRng(seed) }, defaultsOf(strategy));
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
    const heads = search(evolutionary, 1).asked.map((counts) => counts.filter((_, index) => plan.space.dimensions[index]?.kind === 'kv_heads'));
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
});
