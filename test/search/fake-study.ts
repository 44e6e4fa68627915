import { measureCounts } from '../../src/core/budget/cost-model.js';
import { createCostModel } from '../../src/core/budget/cost-spec.js';
import type { MetricDefinition } from '../../src/core/metric.js';
import type { EncodingBatch } from '../../src/core/pairs.js';
import type { FittedPredictor } from '../../src/core/ports/predictor.js';
import { createRng } from '../../src/core/random.js';
import { createSearchSpace } from '../../src/core/space/create-search-space.js';
import { denseCounts, toRates } from '../../src/core/space/search-space.js';
import ridge from '../../src/plugins/predictors/ridge.js';
import nsga2 from '../../src/plugins/strategies/nsga2.js';
import random from '../../src/plugins/strategies/random.js';
import { judgeFit } from '../../src/search/fit/judge-fit.js';
import { apply, next, startStudy, type StudyState } from '../../src/search/machine.js';
import { listMetrics } from '../../src/search/objectives/objectives.js';
import { drawCandidates } from '../../src/search/phases/controls.js';
import { refineSpace } from '../../src/search/phases/refine/refine-space.js';
import { drawPairs } from '../../src/search/phases/sample/draw-pairs.js';
import { proposeCandidates } from '../../src/search/phases/search/propose-candidates.js';
import { listUsablePairs } from '../../src/search/study/pairs.js';
import { objectivesOf, type StudyPlan } from '../../src/search/study/plan.js';
import type { StudyAction, Allocation, StudyEvent } from '../../src/search/study/steps.js';
import type { TrialPoint } from '../../src/search/study/trial.js';
import { DEFAULT_REFINEMENT, DEFAULT_PAIRS } from '../../src/server/requests/defaults.js';
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

export interface FakeEffects {
  readonly measure?: (plan: StudyPlan, point: TrialPoint) => number;
  /** Metrics beside perplexity. */
  readonly measureMore?: (plan: StudyPlan, point: TrialPoint) => Readonly<Record<string, number>>;
  /** What each recipe's scores and errors allocate. */
  readonly allocations?: readonly (readonly Allocation[])[];
  /** Called before each action; throws to end the run there. */
  readonly before?: (action: StudyAction) => void;
}

export interface FakeRun {
  readonly state: StudyState;
  readonly events: readonly StudyEvent[];
}

/** Drives a study to its end, or on from where its events left off. */
export async function runStudy(
  plan: StudyPlan,
  stored: readonly StudyEvent[] = [],
  { measure = measurePerplexity, measureMore = () => ({}), before, allocations = [] }: FakeEffects = {},
): Promise<FakeRun> {
  const events = [...stored];
  let state = stored.reduce((reached, event) => apply(plan, reached, event), startStudy(plan));
  for (;;) {
    const action = next(plan, state);
    before?.(action);
    if (action.kind === 'none') return { state, events };
    for (const event of await perform(plan, state, action, { measure, measureMore, allocations })) {
      events.push(structuredClone(event));
      state = apply(plan, state, event);
    }
  }
}

async function perform(
  plan: StudyPlan,
  state: StudyState,
  action: StudyAction,
  { measure, measureMore, allocations }: Required<Omit<FakeEffects, 'before'>>,
): Promise<StudyEvent[]> {
  const rng = createRng(plan.seed);
  switch (action.kind) {
    case 'score':
      return [{ kind: 'scored', tokensSpent: 40_960, allocations }];
    case 'draw':
      return [{ kind: 'drawn', points: await drawPairs(plan, { ...action, rng: rng.fork(action.seed) }, breathe) }];
    case 'draw-candidates':
      return [
        { kind: 'drawn', points: await drawCandidates(plan, { ...action, rng: rng.fork(action.seed) }, breathe) },
      ];
    case 'evaluate':
      return action.points.map((point) => ({
        kind: 'evaluated',
        trial: evaluate(plan, point, measure, measureMore(plan, point)),
      }));
    case 'fit': {
      const judgement = await judgeFit(tableOf(plan, state, plan.metric), {
        fit: (pairs) => ridge.fit(pairs, ridge.options.parse({}), 0),
        ranges: state.space.dimensions.map(({ range }) => range),
        rng: rng.fork(`fit/${state.round}`),
      });
      return [{ kind: 'fitted', predictorId: `predictor-${state.round}`, ...judgement }];
    }
    case 'refine':
      return [{ kind: 'refined', changes: await refineSpace(plan, state, breathe) }];
    case 'predict': {
      const strategy = objectivesOf(plan).objectives.length > 1 ? nsga2 : random;
      const metrics = listMetrics(objectivesOf(plan));
      const fitted = await Promise.all(
        metrics.map((metric) => ridge.fit(tableOf(plan, state, metric), ridge.options.parse({}), 0)),
      );
      const predict = async (batch: EncodingBatch) =>
        Object.fromEntries(
          await Promise.all(
            metrics.map(
              async ({ name }, index) => [name, await (fitted[index] as FittedPredictor).predict(batch)] as const,
            ),
          ),
        );
      return [
        await proposeCandidates(
          plan,
          {
            ...action,
            strategy,
            strategyOptions: strategy.options.parse({}),
            predict,
            rng: rng.fork(action.seed),
            signal: new AbortController().signal,
          },
          breathe,
        ),
      ];
    }
    case 'finish':
      return [{ kind: 'finished' }];
    case 'pause':
      return [{ kind: 'resumed' }];
    case 'none':
      return [];
  }
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

function breathe(): Promise<void> {
  return Promise.resolve();
}
