import { describe, expect, it } from 'vitest';
import { candidateBand } from '../../../src/core/budget/budget.js';
import type { Prediction } from '../../../src/core/ports/predictor.js';
import type { Strategy, StrategyRun } from '../../../src/core/ports/strategy.js';
import { createRng } from '../../../src/core/random.js';
import { countsKey, toRates, type Counts } from '../../../src/core/space/search-space.js';
import gaussianProcess from '../../../src/plugins/predictors/gaussian-process.js';
import { chooseBatch } from '../../../src/plugins/strategies/bayesian/choose-batch.js';
import bayesian from '../../../src/plugins/strategies/bayesian.js';
import random from '../../../src/plugins/strategies/random.js';
import { createBudgetSampler } from '../../../src/search/sampling/budget-sampler.js';
import { createPlan, measurePerplexity } from '../../search/fake-study.js';

const plan = createPlan();
const [budget] = plan.budgets;
if (budget === undefined) throw new Error('the plan has a budget');
const sampler = createBudgetSampler({ space: plan.space, band: candidateBand(plan.space.shape, budget) });
const valueOf = (counts: Counts): number => Math.log(measurePerplexity(plan, { counts, part: 'search' }));
type Evaluated = { readonly counts: Counts; readonly value: number };

describe('bayesian', () => {
  it('asks about distinct points, all on the budget, as many as it may, the same for the same seed', async () => {
    const { asked } = await search(bayesian, { seed: 1, predict: certain });
    expect(asked).toHaveLength(600);
    expect(new Set(asked.map(countsKey)).size).toBe(600);
    expect(asked.every((counts) => sampler.isFeasible(counts))).toBe(true);
    expect((await search(bayesian, { seed: 1, predict: certain })).asked).toEqual(asked);
  });

  it('returns the best means where nothing is uncertain', async () => {
    const { asked, best } = await search(bayesian, { seed: 2, predict: certain });
    expect(best.map(valueOf)).toEqual(
      asked
        .map(valueOf)
        .sort((a, b) => a - b)
        .slice(0, 6),
    );
  });

  it('finds better architectures than random candidates with as many real evaluations, in 8 of 10 seeds at least', async () => {
    let wins = 0;
    for (let seed = 0; seed < 10; seed++) {
      const rng = createRng(seed);
      const start = Array.from({ length: 20 }, () => sampler.sample(rng) ?? []).map((counts) => ({
        counts,
        value: valueOf(counts),
      }));
      const [found, drawn] = [
        await evaluateInRounds(bayesian, start, seed),
        await evaluateInRounds(random, start, seed),
      ];
      if (found <= drawn) wins += 1;
    }
    expect(wins).toBeGreaterThanOrEqual(8);
  }, 60_000);
});

describe('chooseBatch', () => {
  const near = [0, 1, 2].map((index) => ({
    counts: [index],
    rates: Float32Array.of(0.1 + 0.001 * index, 0.1),
    mean: 2 + 0.001 * index,
    deviation: 0.5,
  }));
  const far = { counts: [9], rates: Float32Array.of(0.5, 0.5), mean: 2.2, deviation: 0.5 };

  it('takes one of several neighbours, then what is far from it', () => {
    expect(chooseBatch([...near, far], { count: 2, target: 2 }).map(({ counts }) => counts)).toEqual([[0], [9]]);
  });

  it('takes all there are where fewer than asked for', () => {
    expect(chooseBatch([...near, far], { count: 9, target: 2 })).toHaveLength(4);
    expect(chooseBatch([], { count: 3, target: 2 })).toEqual([]);
  });
});

/** Three rounds of fit, search and six real evaluations; the least value found. */
async function evaluateInRounds(
  strategy: Strategy<unknown, StrategyRun>,
  start: readonly Evaluated[],
  seed: number,
): Promise<number> {
  const evaluated = [...start];
  for (let round = 0; round < 3; round++) {
    const columns = plan.space.dimensions.length;
    const rates = new Float32Array(evaluated.length * columns);
    evaluated.forEach(({ counts }, row) => rates.set(toRates(plan.space, counts), row * columns));
    const targets = Float64Array.from(evaluated, ({ value }) => value);
    const fitted = await gaussianProcess.fit(
      { dimensions: plan.space.dimensions.map(({ name }) => name), rates, targets },
      gaussianProcess.options.parse({}),
      0,
    );
    const { best } = await search(strategy, {
      seed: 10 * seed + round,
      evaluated,
      predict: (points) => fitted.predict({ rates: encode(points), columns }),
    });
    evaluated.push(...best.map((counts) => ({ counts, value: valueOf(counts) })));
  }
  return Math.min(...evaluated.map(({ value }) => value));
}

interface SearchSetting {
  readonly seed: number;
  readonly predict: (points: readonly Counts[]) => Promise<Prediction>;
  readonly evaluated?: readonly Evaluated[];
}

async function search(strategy: Strategy<unknown, StrategyRun>, { seed, predict, evaluated = [] }: SearchSetting) {
  const parsed = strategy.options.safeParse({});
  const run = strategy.start(
    {
      space: plan.space,
      candidates: 600,
      sampler,
      evaluated: evaluated.map(({ counts, value }) => ({ counts, values: [value] })),
      rng: createRng(seed),
    },
    parsed.success ? parsed.data : {},
  );
  const asked: Counts[] = [];
  for (let points = run.ask(); points.length > 0; points = run.ask()) {
    asked.push(...points);
    run.tell([await predict(points)]);
  }
  return { asked, best: run.best(6) };
}

function certain(points: readonly Counts[]): Promise<Prediction> {
  return Promise.resolve({ mean: Float64Array.from(points, valueOf) });
}

function encode(points: readonly Counts[]): Float32Array {
  return Float32Array.from(points.flatMap((counts) => [...toRates(plan.space, counts)]));
}
