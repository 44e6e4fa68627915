import { measureCounts } from '../../src/core/budget/cost-model.js';
import { createCostModel } from '../../src/core/budget/cost-spec.js';
import type { MetricDefinition } from '../../src/core/metric.js';
import type { TrainingResult } from '../../src/core/ports/recovery.js';
import type { FittedPredictor } from '../../src/core/ports/predictor.js';
import { createRng } from '../../src/core/random.js';
import { createSearchSpace } from '../../src/core/space/create-search-space.js';
import { denseCounts, toRates } from '../../src/core/space/search-space.js';
import ridge from '../../src/plugins/predictors/ridge.js';
import nsga2 from '../../src/plugins/strategies/nsga2.js';
import random from '../../src/plugins/strategies/random.js';
import { judgeFit } from '../../src/search/fit/judge-fit.js';
import { apply, replay, startStudy, type StudyState } from '../../src/search/machine.js';
import { listMetrics } from '../../src/search/objectives/objectives.js';
import { listUsablePairs } from '../../src/search/study/pairs.js';
import { objectivesOf, type StudyPlan } from '../../src/search/study/plan.js';
import type { Allocation, StudyEvent } from '../../src/search/study/steps.js';
import type { TrialPoint } from '../../src/search/study/trial.js';
import { DEFAULT_REFINEMENT, DEFAULT_PAIRS } from '../../src/server/requests/defaults.js';
import { driveStudy, type StudyPorts } from '../../src/server/studies/drive.js';
import { STORIES_SHAPE } from '../support/shapes.js';

/** A study of the demo model's shape at 20 % fewer parameters, all layers prunable. */
export function createPlan(changes: Partial<StudyPlan> = {}): StudyPlan {
  const space = changes.space ?? createSearchSpace(STORIES_SHAPE);
  const dense = measureCounts(createCostModel(space.shape, { kind: 'parameters' }), space, denseCounts(space));
  return {
    space,
    budgets: [{ cost: { kind: 'parameters' }, limit: Math.floor(0.8 * dense) }],
    metric: { name: 'perplexity', better: 'lower', scale: 'log', summary: '' },
    seed: 1,
    recipes: 1,
    pairs: { ...DEFAULT_PAIRS, count: 60, insideCount: 15 },
    refinement: DEFAULT_REFINEMENT,
    rounds: 1,
    pauseBefore: [],
    candidates: 400,
    finalists: 6,
    verifyRungs: 1,
    compensation: { mode: 'one-shot', candidates: 2 },
    controls: ['uniform-paper', 'uniform-best'],
    paperControls: [],
    curve: undefined,
    ...changes,
  };
}

/**
 * The measured perplexity of a model whose layers matter less the deeper they are, and whose heads matter more than
 * channels of the same size; a little different on each part of the text.
 */
export function measurePerplexity(plan: StudyPlan, { counts, part }: Pick<TrialPoint, 'counts' | 'part'>): number {
  const rates = toRates(plan.space, counts);
  const rise = plan.space.dimensions.reduce((sum, { kind, layers }, index) => {
    const weight = (kind === 'kv_heads' ? 0.8 : 0.5) / (1 + (layers[0] ?? 0));
    const rate = rates[index] ?? 0;
    return sum + weight * (rate + 2 * rate * rate);
  }, 0);
  return Math.exp(1.5 + 0.02 * ['search', 'verify', 'report'].indexOf(part) + rise);
}

export const RECOVERY: TrainingResult = {
  steps: 40,
  tokens: 5120,
  seconds: 2,
  before: 2.5,
  after: 2.25,
  bestStep: 30,
  ended: 'finished',
};

export interface FakeEffects {
  readonly measure?: (plan: StudyPlan, point: TrialPoint) => number;
  /** Metrics beside perplexity. */
  readonly measureMore?: (plan: StudyPlan, point: TrialPoint) => Readonly<Record<string, number>>;
  /** What each recipe's scores and errors allocate. */
  readonly allocations?: readonly (readonly Allocation[])[];
}

export interface FakeRun {
  readonly state: StudyState;
  readonly events: readonly StudyEvent[];
}

/** Drives a study to its end, or on from where its events left off; where it pauses it is resumed as it proposes. */
export async function runStudy(
  plan: StudyPlan,
  stored: readonly StudyEvent[] = [],
  effects: FakeEffects = {},
): Promise<FakeRun> {
  const events = [...stored];
  const record = async (_before: StudyState, _after: StudyState, event: StudyEvent) => {
    events.push(structuredClone(event));
  };
  let state = replay(plan, startStudy(plan), stored);
  for (;;) {
    const driven = await driveStudy(plan, state, createFakePorts(plan, record, effects));
    if (driven.stoppedAt === 'none') return { state: driven.state, events };
    const after = apply(plan, driven.state, { kind: 'resumed' });
    await record(driven.state, after, { kind: 'resumed' });
    state = after;
  }
}

export function createFakePorts(
  plan: StudyPlan,
  record: StudyPorts['record'],
  { measure = measurePerplexity, measureMore = () => ({}), allocations = [] }: FakeEffects,
): StudyPorts {
  const strategy = objectivesOf(plan).objectives.length > 1 ? nsga2 : random;
  return {
    score: async () => ({ tokensSpent: 40_960, allocations }),
    async *evaluate(points) {
      for (const point of points) yield evaluate(plan, point, measure, measureMore(plan, point));
    },
    record,
    breathe: () => Promise.resolve(),
    fit: async (state) => ({
      predictorId: `predictor-${state.round}`,
      ...(await judgeFit(tableOf(plan, state, plan.metric), {
        fit: (pairs) => ridge.fit(pairs, ridge.options.parse({}), 0),
        ranges: state.space.dimensions.map(({ range }) => range),
        rng: createRng(plan.seed).fork(`fit/${state.round}`),
      })),
    }),
    openPredictors: async (state) => {
      const metrics = listMetrics(objectivesOf(plan));
      const fitted = await Promise.all(
        metrics.map((metric) => ridge.fit(tableOf(plan, state, metric), ridge.options.parse({}), 0)),
      );
      return async (batch) =>
        Object.fromEntries(
          await Promise.all(
            metrics.map(
              async ({ name }, index) => [name, await (fitted[index] as FittedPredictor).predict(batch)] as const,
            ),
          ),
        );
    },
    exportWinner: async () => ({
      output: 'winner',
      ...(plan.recovers === true ? { recovery: RECOVERY } : {}),
    }),
    strategy: { plugin: strategy, options: strategy.options.parse({}) },
    signal: new AbortController().signal,
  };
}

function evaluate(
  plan: StudyPlan,
  point: TrialPoint,
  measure: NonNullable<FakeEffects['measure']>,
  more: Readonly<Record<string, number>>,
): Extract<StudyEvent, { kind: 'evaluated' }>['trial'] {
  const value = measure(plan, point);
  const losses = Array.from({ length: 12 }, (_, window) => 127 * Math.log(value) + (window % 3) - 1);
  return {
    ...point,
    value,
    metrics: { [plan.metric.name]: value, ...more },
    tokensSpent: 1000,
    ...(point.part === 'report' ? { losses: { losses, tokens: losses.map(() => 127) } } : {}),
  };
}

function tableOf(plan: StudyPlan, state: StudyState, { name, scale }: MetricDefinition) {
  const pairs = listUsablePairs(state);
  const columns = plan.space.dimensions.length;
  const rates = new Float32Array(pairs.length * columns);
  pairs.forEach(({ counts }, row) => rates.set(toRates(plan.space, counts), row * columns));
  return {
    dimensions: plan.space.dimensions.map(({ name }) => name),
    rates,
    targets: Float64Array.from(pairs, ({ metrics }) =>
      scale === 'log' ? Math.log(metrics?.[name] ?? Number.NaN) : (metrics?.[name] ?? Number.NaN),
    ),
  };
}
