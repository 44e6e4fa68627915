import type { EncodingBatch } from '../../core/pairs.js';
import type { Prediction } from '../../core/ports/predictor.js';
import type { Rng } from '../../core/ports/rng.js';
import type { CandidateSampler, Strategy } from '../../core/ports/strategy.js';
import { countsKey, toRates, type Counts, type SearchSpace } from '../../core/space/search-space.js';
import { requireFeasible } from '../sampling/budget-sampler.js';
import { openCandidates } from './candidate-sampler.js';
import type { StudyPlan } from './study-plan.js';
import { isUsablePair, type StudyEvent, type TrialResult } from './study-state.js';

export interface ProposeRequest {
  readonly space: SearchSpace;
  readonly evaluated: readonly TrialResult[];
  readonly strategy: Strategy;
  readonly strategyOptions: unknown;
  /** On the scale of the fit. */
  readonly predict: (batch: EncodingBatch) => Promise<Prediction>;
  readonly rng: Rng;
  readonly signal: AbortSignal;
  /** Told how many candidates were predicted so far. */
  readonly report?: (predicted: number) => void;
}

/**
 * Lets the strategy ask the predictor and returns its best points that were no finalists before. Lower is better for the
 * strategy: values of a metric where higher is better change their sign.
 *
 * @throws PrunecastError BUDGET_INFEASIBLE
 */
export async function proposeCandidates(plan: StudyPlan, request: ProposeRequest, breathe: () => Promise<void>): Promise<Extract<StudyEvent, { kind: 'predicted' }>> {
  const { space, rng, strategy } = request;
  const { sampler, band } = await openCandidates(plan, space, breathe);
  requireFeasible(sampler, band);
  const trained = rangeOfPairs(space, request.evaluated);
  const sign = plan.objective.better === 'lower' ? 1 : -1;
  const run = strategy.start({
    space,
    candidates: plan.candidates,
    sampler,
    // Finalists were measured on other windows: their values do not compare with those of the pairs.
    evaluated: request.evaluated.filter(isUsablePair).map(({ counts, value }) => ({ counts, values: [sign * toFitScale(plan, value)] })),
    rng: rng.fork('strategy'),
  }, request.strategyOptions);
  const asked = new Set<string>();
  let outOfRange = 0;
  for (let points = run.ask(); points.length > 0; points = run.ask()) {
    request.signal.throwIfAborted();
    const batch = encode(space, points);
    const { mean, deviation } = await request.predict(batch);
    points.forEach((counts, row) => {
      if (asked.has(countsKey(counts))) return;
      asked.add(countsKey(counts));
      if (isOutside(trained, batch, row)) outOfRange += 1;
    });
    run.tell([{ mean: mean.map((value) => sign * value), ...(deviation === undefined ? {} : { deviation }) }]);
    request.report?.(asked.size);
    await breathe();
  }
  const known = new Set(request.evaluated.filter(({ role }) => role === 'finalist').map(({ counts }) => countsKey(counts)));
  const ranked = run.best(plan.finalists + known.size).filter((counts) => !known.has(countsKey(counts))).slice(0, plan.finalists);
  const chosen = [...ranked, ...rankPairs(plan, request, sampler, known).slice(0, plan.finalists - ranked.length)];
  const { mean } = await request.predict(encode(space, chosen));
  const finalists = chosen.map((counts, row) => ({ counts, predicted: fromFitScale(plan, mean[row] ?? Number.NaN) }));
  return { kind: 'predicted', predicted: asked.size, outOfRange, finalists };
}

/**
 * Pairs that are candidates themselves, best measured first. A strategy leaves evaluated points out, but a
 * space so small that the pairs exhaust it has no others: they have not been seen on the verify windows.
 */
function rankPairs(plan: StudyPlan, { evaluated }: ProposeRequest, sampler: CandidateSampler, known: ReadonlySet<string>): Counts[] {
  const sign = plan.objective.better === 'lower' ? 1 : -1;
  return evaluated
    .filter((trial) => isUsablePair(trial) && sampler.isFeasible(trial.counts) && !known.has(countsKey(trial.counts)))
    .sort((a, b) => sign * (a.value - b.value))
    .map(({ counts }) => counts);
}

/** A metric's value as the predictor is fitted on it. */
export function toFitScale({ objective }: Pick<StudyPlan, 'objective'>, value: number): number {
  return objective.scale === 'log' ? Math.log(value) : value;
}

/** Back into the metric's own unit. */
export function fromFitScale({ objective }: Pick<StudyPlan, 'objective'>, value: number): number {
  return objective.scale === 'log' ? Math.exp(value) : value;
}

function encode(space: SearchSpace, points: readonly Counts[]): EncodingBatch {
  const columns = space.dimensions.length;
  const rates = new Float32Array(points.length * columns);
  points.forEach((counts, row) => rates.set(toRates(space, counts), row * columns));
  return { rates, columns };
}

interface TrainedRange {
  readonly least: Float32Array;
  readonly most: Float32Array;
}

function rangeOfPairs(space: SearchSpace, evaluated: readonly TrialResult[]): TrainedRange {
  const least = new Float32Array(space.dimensions.length).fill(Number.POSITIVE_INFINITY);
  const most = new Float32Array(space.dimensions.length).fill(Number.NEGATIVE_INFINITY);
  for (const { counts, role } of evaluated) {
    if (role !== 'pair') continue;
    toRates(space, counts).forEach((rate, index) => {
      least[index] = Math.min(least[index] ?? rate, rate);
      most[index] = Math.max(most[index] ?? rate, rate);
    });
  }
  return { least, most };
}

function isOutside({ least, most }: TrainedRange, { rates, columns }: EncodingBatch, row: number): boolean {
  for (let column = 0; column < columns; column++) {
    const rate = rates[row * columns + column] as number;
    if (rate < (least[column] as number) || rate > (most[column] as number)) return true;
  }
  return false;
}
