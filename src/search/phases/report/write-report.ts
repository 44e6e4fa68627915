import { formatCount, formatMetric, formatShare, withArticle } from '../../../words/format.js';
import { measureCounts } from '../../../core/budget/cost-model.js';
import { createCostModel } from '../../../core/budget/cost-spec.js';
import { createRng } from '../../../core/random.js';
import { runSteps, runStepsGently } from '../../../core/run-steps.js';
import { excessIntervalInSteps } from '../../../core/statistics/bootstrap.js';
import { plainObjectives } from '../../objectives/objectives.js';
import { objectivesOf, type StudyPlan } from '../../study/plan.js';
import { findBest, nameControl, scoreTrial, type TrialResult } from '../../study/trial.js';
import { findWinner } from '../verify.js';
import type { FinalState } from './report.js';
import { writeCurve, type StudyCurve } from './write-curve.js';
import { writeFront, type StudyFront } from './write-front.js';

/** The outcome of a study, in numbers and in one plain sentence. */
export interface StudyOutcome {
  readonly dense: TrialResult;
  /** Before its recovery: what is compared with controls, which are not trained either. */
  readonly winner: TrialResult;
  /** The winner after its recovery, and its lift over the winner before it; undefined if it was not trained. */
  readonly recovered: { readonly trial: TrialResult; readonly lift: Lift } | undefined;
  /** On the report windows. */
  readonly controls: readonly TrialResult[];
  /** The name (`nameControl`) of the winner's strongest rival on the report windows; its lift is the headline. */
  readonly bestControl: string | undefined;
  /** 1 - winner / control, control by control. */
  readonly lifts: readonly Lift[];
  readonly curve: StudyCurve | undefined;
  /** Of a study of several objectives. */
  readonly front: StudyFront | undefined;
  readonly summary: string;
}

export interface Lift {
  /** The name (`nameControl`) of what is compared with: a control, or `winner`. */
  readonly control: string;
  readonly lift: number;
  /**
   * Paired 95 % bootstrap interval over the report windows; undefined if the metric has no value per window, or there
   * is one window.
   */
  readonly interval: readonly [number, number] | undefined;
}

/** Sums up a study whose report trials are all in. */
export function writeReport(plan: StudyPlan, state: FinalState): StudyOutcome {
  return runSteps(writeReportInSteps(plan, state));
}

/**
 * `writeReport`, letting others run (`breathe`, such as setImmediate) every few milliseconds: the intervals take
 * seconds.
 */
export function writeReportGently(
  plan: StudyPlan,
  state: FinalState,
  breathe: () => Promise<void>,
): Promise<StudyOutcome> {
  return runStepsGently(writeReportInSteps(plan, state), breathe);
}

function* writeReportInSteps(plan: StudyPlan, state: FinalState): Generator<void, StudyOutcome> {
  const dense = state.reported.find(({ role }) => role === 'dense');
  const winner = state.reported.find(({ role }) => role === 'winner');
  const trained = state.reported.find(({ role }) => role === 'recovered');
  if (dense === undefined || winner === undefined)
    throw new RangeError('a report needs the dense model and the winner');
  const controls = state.reported.filter(({ role, curvePoint }) => role === 'control' && curvePoint === undefined);
  const best = controls.length === 0 ? undefined : findRival(plan, controls);
  const lifts: Lift[] = [];
  for (const control of controls)
    lifts.push(yield* measureLift(plan, winner, { name: nameControl(control), trial: control }));
  const recovered = trained && {
    trial: trained,
    lift: yield* measureLift(plan, trained, { name: 'winner', trial: winner }),
  };
  return {
    dense,
    winner,
    recovered,
    controls,
    bestControl: best === undefined ? undefined : nameControl(best),
    lifts,
    curve: writeCurve(plan, state),
    front: writeFront(plan, state),
    summary: [summarise(plan, winner, best, lifts), tellMissed(plan, state), tellRecovered(plan, recovered)]
      .filter((sentence) => sentence !== '')
      .join(' '),
  };
}

/**
 * The control that leaves the winner the smallest lift, of those that meet the limits best. Of several objectives only
 * the metric counts: lifts are of that, and the knee of the controls' own front may be a weak one.
 */
function findRival(plan: StudyPlan, controls: readonly TrialResult[]): TrialResult {
  const { objectives } = plainObjectives(plan.metric);
  return findBest({ ...plan, objectives: { objectives, limits: objectivesOf(plan).limits } }, controls);
}

/** By how much `better` should be better than what is named. */
function* measureLift(
  plan: StudyPlan,
  better: TrialResult,
  { name, trial }: { readonly name: string; readonly trial: TrialResult },
): Generator<void, Lift> {
  const sign = plan.metric.better === 'lower' ? 1 : -1;
  // Where higher is better, as with accuracy, it is the share that the winner has more. A margin may be negative.
  const lift = better.value === trial.value ? 0 : (sign * (trial.value - better.value)) / Math.abs(trial.value);
  // Draws from a single window are all equal: an interval without width would look like certainty.
  const items = better.losses?.losses.length ?? 0;
  if (better.losses === undefined || trial.losses === undefined || items < 2 || trial.value === 0)
    return { control: name, lift, interval: undefined };
  if (trial.losses.losses.length !== items)
    // of an evaluator that asked them different items
    return { control: name, lift, interval: undefined };
  const [low, high] = yield* excessIntervalInSteps(better.losses, trial.losses, {
    rng: createRng(plan.seed).fork(`report/${name}`),
    scale: plan.metric.scale,
  });
  return { control: name, lift, interval: sign === 1 ? [-high, -low] : [low, high] };
}

function summarise(
  plan: StudyPlan,
  winner: TrialResult,
  best: TrialResult | undefined,
  lifts: readonly Lift[],
): string {
  const { name } = plan.metric;
  const cost = createCostModel(plan.space.shape, { kind: 'parameters' });
  const size = formatCount(measureCounts(cost, plan.space, winner.counts));
  const found = `The winner has ${size} parameters and ${withArticle(name)} of ${formatMetric(winner.value)}`;
  const lift = best === undefined ? undefined : lifts.find(({ control }) => control === nameControl(best));
  if (best === undefined || lift === undefined) return `${found}; no uniform architecture meets the budget.`;
  const against = `${nameControl(best)} (${formatMetric(best.value)})`;
  if (lift.lift <= 0)
    return `${found}: the search was not worth it, ${against} is as good or better by ${formatShare(-lift.lift)}.`;
  if (lift.interval === undefined)
    return `${found}, ${formatShare(lift.lift)} better than ${against}, the best control (no interval: the report windows do not tell how sure that is).`;
  const [low, high] = lift.interval.map(formatShare);
  if (lift.interval[0] <= 0)
    return `${found}, ${formatShare(lift.lift)} better than ${against}, but the interval from ${low} to ${high} includes none: the search may not have been worth it.`;
  return `${found}, ${formatShare(lift.lift)} better than ${against}, the best control (95 % interval ${low} to ${high}).`;
}

/** A sentence if the winner misses a limit because no finalist meets all; else empty. */
function tellMissed(plan: StudyPlan, state: FinalState): string {
  if (scoreTrial(plan, findWinner(plan, state)).violation === 0) return '';
  const limits = objectivesOf(plan).limits.map(
    ({ metric: { name, better }, limit }) => `${name} at ${better === 'lower' ? 'most' : 'least'} ${limit}`,
  );
  return `No finalist meets ${limits.join(' and ')} on the verify windows; the winner misses it least.`;
}

/** A sentence about the winner after its recovery; empty if it was not trained. */
function tellRecovered({ metric: { name } }: StudyPlan, recovered: StudyOutcome['recovered']): string {
  if (recovered === undefined) return '';
  const {
    trial: { value },
    lift: { lift, interval },
  } = recovered;
  const range =
    interval === undefined ? 'no interval' : `95 % interval ${formatShare(interval[0])} to ${formatShare(interval[1])}`;
  return `Its recovery, which controls do not get, took it to ${withArticle(name)} of ${formatMetric(value)}, ${formatShare(Math.abs(lift))} ${lift < 0 ? 'worse' : 'better'} than before (${range}).`;
}
