import { meetsBudgets, type CostBand } from '../../../core/budget/budget.js';
import { measureCounts } from '../../../core/budget/cost-model.js';
import type { EncodingBatch } from '../../../core/pairs.js';
import type { Prediction } from '../../../core/ports/predictor.js';
import { orAborted } from '../../../core/or-aborted.js';
import type {
  DeferredRun,
  ObjectivePrediction,
  ObjectivePredictions,
  SearchProblem,
  Strategy,
  StrategyRun,
} from '../../../core/ports/strategy.js';
import type { Rng } from '../../../core/random.js';
import { countsKey, encodePoints, toRates, type Counts, type SearchSpace } from '../../../core/space/search-space.js';
import { scorePredicted, type PointScore } from '../../objectives/score-point.js';
import { requireFeasible } from '../../sampling/budget-sampler.js';
import { openCandidates, type OpenedBand } from '../../sampling/open-candidates.js';
import { fromFitScale, objectivesOf, type StudyPlan } from '../../study/plan.js';
import type { Predict, StudyEvent } from '../../study/steps.js';
import { scoreTrial, sortByValue, type TrialResult } from '../../study/trial.js';
import { checkProposals, spreadOut } from './choose-finalists.js';

export interface ProposeRequest extends Omit<Predict, 'kind' | 'seed'> {
  readonly strategy: Strategy;
  readonly strategyOptions: unknown;
  /** Predicts every metric that objectives and limits are about: by name, on the scale of its fit. */
  readonly predict: (batch: EncodingBatch) => Promise<Readonly<Record<string, Prediction>>>;
  readonly rng: Rng;
  readonly signal: AbortSignal;
  /** Called with how many candidates were predicted so far. */
  readonly report?: (predicted: number) => void;
}

/**
 * Lets the strategy ask the predictors and returns its best points that were not finalists before. The strategy sees
 * the objectives' values of the predictions; a point that misses a limit comes after all that meet them.
 *
 * What a strategy proposes is checked: it must lie in the space and meet every budget. The strategy is no longer asked
 * once it has had as many candidates predicted as the plan allows.
 *
 * @throws PrunecastError BUDGET_INFEASIBLE, PLUGIN_INVALID
 */
export async function proposeCandidates(
  plan: StudyPlan,
  request: ProposeRequest,
  breathe: () => Promise<void>,
): Promise<Extract<StudyEvent, { kind: 'predicted' }>> {
  const { rng, strategy } = request;
  const { space, sampler, band } = await openSpace(plan, request, breathe);
  requireFeasible(sampler, band);
  const pairScores = request.evaluated.map((trial) => scoreTrial(plan, trial));
  const penalise = createPenalty(pairScores);
  const run = startRun(
    strategy,
    {
      space,
      candidates: request.candidates,
      sampler,
      evaluated: request.evaluated.map(({ counts }, place) => ({
        counts,
        values: penalise(pairScores[place] as PointScore),
      })),
      rng: rng.fork('strategy'),
    },
    request,
  );
  try {
    return await propose(run, plan, request, { space, sampler, band, penalise }, breathe);
  } finally {
    run.end();
  }
}

/** What the strategy searches, and how it sees the values of points. */
interface Opened extends OpenedBand {
  readonly space: SearchSpace;
  readonly penalise: (score: PointScore) => number[];
}

async function propose(
  run: Required<DeferredRun>,
  plan: StudyPlan,
  request: ProposeRequest,
  { space, band, penalise }: Opened,
  breathe: () => Promise<void>,
): Promise<Extract<StudyEvent, { kind: 'predicted' }>> {
  const trained = rangeOfPairs(space, request.evaluated);
  const objectives = objectivesOf(plan);
  const asked = new Set<string>();
  let outOfRange = 0;
  let idle = 0;
  for (let points = await run.ask(); points.length > 0 && idle < MOST_IDLE; points = await run.ask()) {
    const before = asked.size;
    request.signal.throwIfAborted();
    const batch = encodePoints(space, points);
    const { scores, deviations } = scorePredicted(objectives, space, points, await request.predict(batch));
    points.forEach((counts, row) => {
      if (asked.has(countsKey(counts))) return;
      asked.add(countsKey(counts));
      if (isOutside(trained, batch, row)) outOfRange += 1;
    });
    await run.tell(predictObjectives(scores.map(penalise), deviations));
    request.report?.(asked.size);
    await breathe();
    if (asked.size >= request.candidates) break;
    idle = asked.size === before ? idle + 1 : 0;
  }
  const known = new Set(request.verified.map(countsKey));
  const measured = rankPairs(plan, request, band, known);
  const kept = measured.slice(0, Math.floor(MEASURED_SHARE * request.finalists));
  const wanted = request.finalists - kept.length;
  const proposed = async (count: number): Promise<Counts[]> =>
    checkProposals(request.strategy.id, await run.best(count), { space, budgets: request.budgets, count });
  const fresh = async (count: number): Promise<Counts[]> =>
    (await proposed(count + known.size)).filter((counts) => !known.has(countsKey(counts)));
  // With several objectives the strategy itself spreads its points over their front.
  const ranked =
    objectives.objectives.length > 1 ? (await fresh(wanted)).slice(0, wanted) : await spreadOut(space, fresh, wanted);
  const chosen = [...ranked, ...measured.slice(0, request.finalists - ranked.length)];
  const means = (await request.predict(encodePoints(space, chosen)))[plan.metric.name]?.mean;
  const finalists = chosen.map((counts, row) => ({
    counts,
    predicted: fromFitScale(plan, means?.[row] ?? Number.NaN),
  }));
  return { kind: 'predicted', predicted: asked.size, outOfRange, finalists };
}

/** The run of a strategy, whether it answers at once or later; what it is asked ends with the signal too. */
function startRun(
  strategy: Strategy,
  problem: SearchProblem,
  { strategyOptions, signal }: Pick<ProposeRequest, 'strategyOptions' | 'signal'>,
): Required<DeferredRun> {
  const run: StrategyRun | DeferredRun = strategy.start(problem, strategyOptions, { signal });
  const soon = <Answer>(answer: Answer | Promise<Answer>): Promise<Answer> =>
    orAborted(Promise.resolve(answer), signal);
  return {
    ask: async () => soon(run.ask()),
    tell: async (predictions) => soon(run.tell(predictions)),
    best: async (count) => soon(run.best(count)),
    end: () => ('end' in run ? run.end?.() : undefined),
  };
}

/** A strategy that asks this many batches in a row without a new candidate would ask for ever. */
const MOST_IDLE = 100;

/** The share of the finalists that are the best measured pairs, if some pairs are candidates themselves. */
const MEASURED_SHARE = 1 / 6;

/** More than sums of logarithms are apart. */
const MISSED = 1e3;
/** Candidates are hardly farther apart than this many times the largest of the pairs' values. */
const MISSED_VALUES = 10;

/** Puts what meets all limits before what does not, in each objective: metrics on a linear scale may have any size. */
function createPenalty(measured: readonly PointScore[]): (score: PointScore) => number[] {
  const largest = measured
    .flatMap(({ values }) => values)
    .reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
  const missed = MISSED + MISSED_VALUES * largest;
  return ({ values, violation }) => values.map((value) => (violation === 0 ? value : value + missed * (1 + violation)));
}

/** The values of points, as predictions of objectives. */
function predictObjectives(
  values: readonly (readonly number[])[],
  deviations: readonly (Float64Array | undefined)[],
): ObjectivePredictions {
  const predictions = deviations.map(
    (deviation, objective): ObjectivePrediction => ({
      mean: Float64Array.from(values, (point) => point[objective] ?? Number.NaN),
      ...(deviation === undefined ? {} : { deviation }),
    }),
  );
  const [first, ...others] = predictions;
  if (first === undefined) throw new RangeError('a study has at least one objective');
  return [first, ...others];
}

/** The refined space; or the whole one if these budgets, for which it was not refined, leave no candidate inside it. */
async function openSpace(
  plan: StudyPlan,
  request: ProposeRequest,
  breathe: () => Promise<void>,
): Promise<OpenedBand & { readonly space: SearchSpace }> {
  const asked = { ...plan, budgets: request.budgets };
  const refined = await openCandidates(asked, request.space, breathe);
  if (!refined.sampler.isEmpty) return { ...refined, space: request.space };
  return { ...(await openCandidates(asked, plan.space, breathe)), space: plan.space };
}

/**
 * Pairs that are candidates themselves, inside the refined ranges or not, the best measured first. A strategy leaves
 * evaluated points out, but they were not measured on the verify windows, and in a space so small that the pairs
 * exhaust it there are no others.
 */
function rankPairs(
  plan: StudyPlan,
  { evaluated, budgets }: ProposeRequest,
  { cost, least }: CostBand,
  known: ReadonlySet<string>,
): Counts[] {
  const isCandidate = (counts: Counts): boolean =>
    meetsBudgets(plan.space, counts, budgets) && measureCounts(cost, plan.space, counts) >= least;
  return sortByValue(plan, evaluated)
    .filter(({ counts }) => !known.has(countsKey(counts)) && isCandidate(counts))
    .map(({ counts }) => counts);
}

interface TrainedRange {
  readonly least: Float32Array;
  readonly most: Float32Array;
}

function rangeOfPairs(space: SearchSpace, evaluated: readonly TrialResult[]): TrainedRange {
  const least = new Float32Array(space.dimensions.length).fill(Number.POSITIVE_INFINITY);
  const most = new Float32Array(space.dimensions.length).fill(Number.NEGATIVE_INFINITY);
  for (const { counts } of evaluated) {
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
