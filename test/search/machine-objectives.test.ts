import { beforeAll, describe, expect, it } from 'vitest';
import { measureCounts } from '../../src/core/budget/cost-model.js';
import { createCostModel } from '../../src/core/budget/cost-spec.js';
import { countsKey, toRates, type Counts } from '../../src/core/space/search-space.js';
import { dominates } from '../../src/core/statistics/pareto-fronts.js';
import type { Objectives, Quantity } from '../../src/search/objectives/objectives.js';
import { writeReport } from '../../src/search/phases/report/write-report.js';
import { listFinal } from '../../src/search/phases/verify.js';
import { scoreTrial, type TrialResult } from '../../src/search/study/trial.js';
import { DEFAULT_PAIRS } from '../../src/server/requests/defaults.js';
import { createPlan, runStudy, type measurePerplexity, type FakeRun } from './fake-study.js';

const { metric: perplexity, space, budgets } = createPlan();
const limit = budgets[0]?.limit ?? 0;
const accuracy = { name: 'accuracy', better: 'higher', scale: 'linear', summary: '' } as const;
const size = (counts: Counts): number =>
  measureCounts(createCostModel(space.shape, { kind: 'parameters' }), space, counts);
const metric = (of: typeof perplexity): Quantity => ({ kind: 'metric', metric: of });
const parameters: Quantity = { kind: 'cost', cost: { kind: 'parameters' } };

/** Falls with the heads that are gone, whatever the perplexity says. */
const measureAccuracy = (counts: Counts): number =>
  0.6 -
  0.05 *
    space.dimensions.reduce(
      (sum, { kind }, index) => sum + (kind === 'kv_heads' ? (toRates(space, counts)[index] ?? 0) : 0),
      0,
    );
/** A model whose channels matter more than its heads, so that the best of all gives up heads. */
const measure = (_plan: unknown, { counts, part }: Parameters<typeof measurePerplexity>[1]): number => {
  const rise = space.dimensions.reduce(
    (sum, { kind }, index) => sum + (kind === 'kv_heads' ? 0.05 : 0.8) * (toRates(space, counts)[index] ?? 0),
    0,
  );
  return Math.exp(1.5 + 0.02 * ['search', 'verify', 'report'].indexOf(part) + rise);
};
const effects = {
  measure,
  measureMore: (_plan: unknown, { counts }: { readonly counts: Counts }) => ({ accuracy: measureAccuracy(counts) }),
};

const front: Objectives = {
  objectives: [
    { terms: [{ quantity: metric(perplexity), weight: 1 }] },
    { terms: [{ quantity: parameters, weight: 1 }] },
  ],
  limits: [],
};

describe('a study of perplexity and size', () => {
  const plan = createPlan({
    objectives: front,
    refinement: undefined,
    pairs: { ...DEFAULT_PAIRS, count: 60, nearShare: 0 },
    finalists: 12,
    candidates: 1500,
    controls: ['uniform-paper', 'uniform-best'],
  });
  let run: FakeRun;
  beforeAll(async () => {
    run = await runStudy(plan);
  });

  it('draws pairs and finalists from all that the budget allows, not from near it alone', () => {
    const least = size(space.dimensions.map(({ counts: [fewest = 0] }) => fewest));
    for (const points of [run.state.pairs, run.state.finalists]) {
      const places = points.map(({ counts }) => (size(counts) - least) / (limit - least));
      for (const third of [0, 1, 2])
        expect(places.filter((place) => Math.min(2, Math.floor(3 * place)) === third).length).toBeGreaterThanOrEqual(
          points.length / 12,
        );
    }
    for (const { counts } of run.state.finalists) expect(size(counts)).toBeLessThanOrEqual(limit);
  });

  it('reports the finalists that no other dominates, with the knee as the winner', () => {
    const { front: reported, winner } = writeReport(plan, run.state);
    const final = listFinal(plan, run.state).map((trial) => ({ trial, values: scoreTrial(plan, trial).values }));
    const undominated = final.filter(({ values }) => !final.some((other) => dominates(other.values, values)));
    expect(new Set(reported?.points.map(({ trial }) => countsKey(trial.counts)))).toEqual(
      new Set(undominated.map(({ trial }) => countsKey(trial.counts))),
    );
    expect(reported?.points.length).toBeGreaterThan(3);
    expect(reported?.points.filter(({ isKnee }) => isKnee).map(({ trial }) => countsKey(trial.counts))).toEqual([
      countsKey(winner.counts),
    ]);
    const [first, second] = reported?.reference ?? [];
    expect([first?.objective, second?.objective]).toEqual(['perplexity', 'parameters']);
    const measured = [...listFinal(plan, run.state), ...run.state.controls];
    expect(first?.value).toBeCloseTo(Math.max(...measured.map(({ value }) => value)), 9);
    expect(second?.value).toBeCloseTo(Math.max(...measured.map(({ counts }) => size(counts))), 3);
  });

  it('dominates more than the controls do', () => {
    const { front: reported } = writeReport(plan, run.state);
    expect(reported?.hypervolume).toBeGreaterThan(reported?.controlHypervolume ?? Number.NaN);
  });

  it('gives the controls what the winner costs, so that they compare', () => {
    const { winner, controls } = writeReport(plan, run.state);
    expect(size(winner.counts)).toBeLessThan(0.99 * limit);
    expect(controls.map(({ control }) => control)).toEqual(['uniform-paper', 'uniform-best']);
    for (const { counts } of controls) {
      expect(size(counts)).toBeLessThanOrEqual(size(winner.counts));
      expect(size(counts)).toBeGreaterThan(0.9 * size(winner.counts));
    }
  });
});

describe('the headline of a study', () => {
  const plan = createPlan({ objectives: front, refinement: undefined });
  const limited: Objectives = { objectives: front.objectives, limits: [{ metric: accuracy, limit: 0.5 }] };
  let run: FakeRun;
  beforeAll(async () => {
    run = await runStudy(plan);
  });

  /** A weak control that is the smallest of all, and one that is better and larger: neither dominates the other. */
  function withControls(of: { readonly strongAccuracy: number }, weakFirst: boolean): FakeRun['state'] {
    const { state } = run;
    const winner = state.reported.find(({ role }) => role === 'winner') as TrialResult;
    const control = (name: 'uniform-paper' | 'uniform-best', by: number, kept: number, accuracy: number) => ({
      ...winner,
      role: 'control' as const,
      control: name,
      counts: kept === 0 ? space.dimensions.map(({ counts: [fewest = 0] }) => fewest) : winner.counts,
      value: by * winner.value,
      metrics: { perplexity: by * winner.value, accuracy },
    });
    const controls = [control('uniform-paper', 1.6, 0, 0.55), control('uniform-best', 1.1, 1, of.strongAccuracy)];
    return {
      ...state,
      reported: [
        ...state.reported.filter(({ role }) => role !== 'control'),
        ...(weakFirst ? controls : controls.toReversed()),
      ],
    };
  }

  it('compares the winner with its strongest rival, though a weaker control lies on the front of the controls', () => {
    for (const weakFirst of [true, false]) {
      const { bestControl, lifts, summary } = writeReport(plan, withControls({ strongAccuracy: 0.55 }, weakFirst));
      expect(bestControl).toBe('uniform-best');
      expect(lifts.find(({ control }) => control === bestControl)?.lift).toBeCloseTo(1 - 1 / 1.1, 9);
      expect(summary).toContain('9.1 % better than uniform-best');
    }
  });

  it('compares it with a weaker control if the stronger one misses a limit', () => {
    const { bestControl } = writeReport({ ...plan, objectives: limited }, withControls({ strongAccuracy: 0.4 }, true));
    expect(bestControl).toBe('uniform-paper');
  });
});

describe('a study under a limit', () => {
  const limit = 0.585;
  const objectives: Objectives = {
    objectives: [{ terms: [{ quantity: metric(perplexity), weight: 1 }] }],
    limits: [{ metric: accuracy, limit }],
  };

  it('chooses among finalists that meet it, where the best without it does not', async () => {
    const limited = createPlan({ objectives, candidates: 1500 });
    const [without, within] = [
      await runStudy(createPlan({ candidates: 1500 }), [], effects),
      await runStudy(limited, [], effects),
    ];
    expect(measureAccuracy(writeReport(createPlan(), without.state).winner.counts)).toBeLessThan(limit);
    expect(measureAccuracy(writeReport(limited, within.state).winner.counts)).toBeGreaterThanOrEqual(limit);
  });
});

describe('a study under a limit that nothing meets', () => {
  it('takes what misses it least, and says so', async () => {
    const objectives: Objectives = {
      objectives: [{ terms: [{ quantity: metric(perplexity), weight: 1 }] }],
      limits: [{ metric: perplexity, limit: 1 }],
    };
    const plan = createPlan({ objectives });
    const { state } = await runStudy(plan);
    const { winner, summary } = writeReport(plan, state);
    expect(winner.counts).toEqual(listFinal(plan, state).toSorted((a, b) => a.value - b.value)[0]?.counts);
    expect(summary).toContain('No finalist meets perplexity at most 1');
    expect(writeReport(createPlan(), (await runStudy(createPlan())).state).summary).not.toContain('No finalist');
  });
});

describe('a study of a weighted sum', () => {
  it('gives up more of the metric that weighs less', async () => {
    const [light, heavy] = [await findWeighted(0.01), await findWeighted(50)];
    expect(heavy.metrics?.['accuracy']).toBeGreaterThan(light.metrics?.['accuracy'] ?? Number.NaN);
    expect(heavy.value).toBeGreaterThan(light.value);
  });
});

/** The winner where perplexity weighs 1 and accuracy so much. */
async function findWeighted(weight: number): Promise<TrialResult> {
  const objectives: Objectives = {
    objectives: [
      {
        terms: [
          { quantity: metric(perplexity), weight: 1 },
          { quantity: { kind: 'metric', metric: accuracy }, weight },
        ],
      },
    ],
    limits: [],
  };
  const plan = createPlan({ objectives, candidates: 1500 });
  return writeReport(plan, (await runStudy(plan, [], effects)).state).winner;
}
