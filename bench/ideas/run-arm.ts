import { setImmediate } from 'node:timers/promises';
import { addErrorColumns, addErrors } from '../../src/core/features/error-table.js';
import type { EncodingBatch, PairTable } from '../../src/core/pairs.js';
import { createRng } from '../../src/core/random.js';
import { countsKey, encodePoints, toRates, type Counts } from '../../src/core/space/search-space.js';
import perplexity from '../../src/plugins/evaluators/perplexity.js';
import bayesian from '../../src/plugins/strategies/bayesian.js';
import evolutionary from '../../src/plugins/strategies/evolutionary.js';
import { judgeFit } from '../../src/search/fit/judge-fit.js';
import { startStudy, type StudyState } from '../../src/search/machine.js';
import { findWinner } from '../../src/search/phases/verify.js';
import { findCentre, listUsablePairs } from '../../src/search/study/pairs.js';
import type { StudyPlan } from '../../src/search/study/plan.js';
import type { TrialPoint, TrialResult } from '../../src/search/study/trial.js';
import { DEFAULT_PAIRS, DEFAULT_REFINEMENT, EFFORTS } from '../../src/server/requests/defaults.js';
import { driveStudy, type StudyPorts } from '../../src/server/studies/drive.js';
import { fitArm, type Arm } from './arms.js';
import type { Label, LabelModel } from './label-model.js';
import type { Predict } from './weighted-ridge.js';

/** A study of one arm. */
export interface ArmRun {
  /** As if it ended with each of its rounds. */
  readonly rounds: readonly RoundEnd[];
  /** Of the proposals of each round that no pair was at: (label - mean) / deviation, both in log perplexity. */
  readonly errors: readonly (readonly number[])[];
}

export interface RoundEnd {
  /** The best finalist of all rounds so far. */
  readonly winner: Counts;
  /** Tokens run up to here, known labels counted as new ones. */
  readonly tokens: number;
}

/** A Search with default effort, one recipe and its own compensation, on labels that are kept. */
export async function runArm(model: LabelModel, arm: Arm, seed: number): Promise<ArmRun> {
  const plan = createPlan(model, seed);
  const { space, tables } = model;
  const dimensions = space.dimensions.map(({ name }) => name);
  const proposals: { readonly counts: Counts; readonly predict: Predict; readonly round: number }[] = [];
  const rounds: RoundEnd[] = [];
  let fitted: Predict | undefined;
  const fit = async (pairs: PairTable, state: StudyState): Promise<Predict> => {
    const predict = await fitArm(arm, addErrorColumns(pairs, tables), {
      space,
      best: toRates(space, findCentre(plan, state)?.counts ?? []),
      limit: model.budgets[0]?.limit ?? Number.NaN,
    });
    return (batch, wants) => predict(addErrors(batch, dimensions, tables), wants);
  };
  const errorsOf = async (state: StudyState, round?: number): Promise<number[]> => {
    const labels = new Map(listUsablePairs(state).map(({ counts, value }) => [countsKey(counts), Math.log(value)]));
    const errors: number[] = [];
    for (const { counts, predict } of proposals.filter((own) => round === undefined || own.round === round)) {
      const { mean, deviation } = await predict(encodePoints(space, [counts]), 'deviations');
      const label = labels.get(countsKey(counts));
      if (label !== undefined) errors.push((label - (mean[0] ?? Number.NaN)) / (deviation?.[0] ?? Number.NaN));
    }
    return errors;
  };
  const wrap = async (state: StudyState, predict: Predict) => {
    const wants = arm.caution === undefined && arm.strategy !== 'bayesian' ? 'means' : 'deviations';
    const factor = arm.scaled === true ? rootMeanSquare(await errorsOf(state)) : 1;
    return async (batch: EncodingBatch) => {
      const { mean, deviation } = await predict(batch, wants);
      const scaled = deviation?.map((value) => factor * value) ?? new Float64Array(mean.length);
      return {
        [plan.metric.name]: {
          mean: mean.map((value, row) => value + (arm.caution ?? 0) * (scaled[row] ?? 0)),
          deviation: scaled,
        },
      };
    };
  };
  const ports: StudyPorts = {
    score: () => Promise.resolve({ tokensSpent: model.calibrationTokens, allocations: [[]] }),
    evaluate: (points) => evaluate(model, points),
    record: (before, after, event) => {
      const known = new Set(before.pairs.map(({ counts }) => countsKey(counts)));
      if (event.kind === 'predicted' && fitted !== undefined)
        for (const { counts } of event.finalists)
          if (!known.has(countsKey(counts))) proposals.push({ counts, predict: fitted, round: before.round });
      // The last finalist of a round is measured: what follows makes pairs of them, for another round.
      if (
        event.kind === 'evaluated' &&
        event.trial.role === 'finalist' &&
        after.waiting.every(({ role }) => role !== 'finalist')
      )
        rounds[before.round - 1] = describeRound(plan, after);
      return Promise.resolve();
    },
    breathe: () => setImmediate(),
    fit: async (state, pairs) => {
      const table: PairTable = {
        dimensions,
        rates: encodePoints(
          space,
          pairs.map(({ counts }) => counts),
        ).rates,
        targets: Float64Array.from(pairs, ({ value }) => Math.log(value)),
      };
      fitted = await fit(table, state);
      const judgement = await judgeFit(table, {
        fit: async (part) => {
          const predict = await fit(part, state);
          return { predict: (batch) => predict(batch, 'means'), save: () => new Uint8Array() };
        },
        ranges: state.space.dimensions.map(({ range }) => range),
        rng: createRng(seed).fork('judge'),
      });
      return { predictorId: String(state.round), ...judgement };
    },
    openPredictors: async (state) => {
      if (fitted === undefined) throw new RangeError('a study fits before it predicts');
      return wrap(state, fitted);
    },
    strategy:
      arm.strategy === 'bayesian'
        ? { plugin: bayesian, options: bayesian.options.parse({}) }
        : { plugin: evolutionary, options: evolutionary.options.parse({}) },
    exportWinner: () => Promise.resolve({ output: '' }),
    signal: new AbortController().signal,
  };
  const { state } = await driveStudy(plan, startStudy(plan), ports);
  const errors: number[][] = [];
  for (let round = 1; round < plan.rounds; round++) errors.push(await errorsOf(state, round));
  return { rounds, errors };
}

function createPlan({ space, budgets }: LabelModel, seed: number): StudyPlan {
  const { rounds, candidates, finalists, verifyTokens } = EFFORTS.default;
  const [metric] = perplexity.metrics;
  if (metric === undefined) throw new RangeError('the evaluator has a metric');
  return {
    space,
    budgets,
    metric,
    seed,
    recipes: 1,
    pairs: DEFAULT_PAIRS,
    refinement: DEFAULT_REFINEMENT,
    rounds,
    candidates,
    finalists: finalists / rounds,
    verifyRungs: verifyTokens.length,
    compensation: { mode: 'one-shot', candidates: 0 },
    controls: [],
    paperControls: [],
    pauseBefore: [],
    curve: undefined,
  };
}

function describeRound(plan: StudyPlan, state: StudyState): RoundEnd {
  return {
    winner: findWinner(plan, state).counts,
    tokens: Object.values(state.tokens).reduce((sum, tokens) => sum + tokens, 0),
  };
}

async function* evaluate(model: LabelModel, points: readonly TrialPoint[]): AsyncGenerator<TrialResult> {
  const [first] = points;
  if (first === undefined) return;
  const labels = await model.label(
    points.map(({ counts }) => counts),
    first,
  );
  for (const [index, point] of points.entries()) {
    const label = labels[index];
    if (label !== undefined) yield { ...point, value: perplexityOf(label), tokensSpent: model.tokensOf(point) };
  }
}

/** All windows together. */
export function perplexityOf({ losses, scored }: Label): number {
  return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / scored);
}

/** 1 for no values. */
export function rootMeanSquare(values: readonly number[]): number {
  return values.length === 0 ? 1 : Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
}
