import { hypervolume } from '../../core/statistics/hypervolume.js';
import { findKnee } from '../../core/statistics/knee-point.js';
import { nameGoal, type Goal } from '../objectives/goals.js';
import { findFront } from '../objectives/rank-scores.js';
import { goalsOf, type StudyPlan } from './study-plan.js';
import { listFinal, scoreTrial, type StudyState, type TrialResult } from './study-state.js';

/** The finalists that none other is better than in all goals, on the verify windows. */
export interface StudyFront {
  /** In the order of the first goal, the best first. */
  readonly points: readonly { readonly trial: TrialResult; readonly isKnee: boolean }[];
  /** What the front dominates up to the reference, in natural logarithms of the goals. */
  readonly hypervolume: number;
  /** The same of the controls. */
  readonly controlHypervolume: number;
  /** The worst of each goal over all finalists and controls; in its own unit, or a sum of logarithms. */
  readonly reference: readonly { readonly goal: string; readonly value: number }[];
}

/** The front of a study of several goals; undefined for one goal, or where no finalist meets the floors. */
export function writeFront(plan: StudyPlan, state: StudyState): StudyFront | undefined {
  const { goals } = goalsOf(plan);
  const final = listFinal(plan, state);
  const scores = final.map((trial) => scoreTrial(plan, trial));
  const front = findFront(scores);
  if (goals.length === 1 || front.length === 0) return undefined;
  const valuesOf = (index: number): readonly number[] => scores[index]?.values ?? [];
  const controls = state.controls
    .filter(({ part }) => part === 'verify')
    .map((trial) => scoreTrial(plan, trial).values);
  const measured = [...scores.map(({ values }) => values), ...controls].filter((values) =>
    values.every(Number.isFinite),
  );
  const reference = goals.map((_, goal) =>
    measured.reduce((worst, values) => Math.max(worst, values[goal] ?? worst), Number.NEGATIVE_INFINITY),
  );
  const knee = front[findKnee(front.map(valuesOf)) ?? -1];
  return {
    points: front
      .toSorted((a, b) => (valuesOf(a)[0] ?? 0) - (valuesOf(b)[0] ?? 0))
      .flatMap((index) => {
        const trial = final[index];
        return trial === undefined ? [] : [{ trial, isKnee: index === knee }];
      }),
    hypervolume: hypervolume(front.map(valuesOf), reference),
    controlHypervolume: hypervolume(controls, reference),
    reference: goals.map((goal, index) => ({
      goal: nameGoal(goal),
      value: inOwnUnit(goal, reference[index] ?? Number.NaN),
    })),
  };
}

/** A goal of one quantity in that one's unit; a sum as it is. */
function inOwnUnit({ terms }: Goal, value: number): number {
  const [term] = terms;
  if (term === undefined || terms.length > 1) return value;
  const isHigherBetter = term.quantity.kind === 'metric' && term.quantity.metric.better === 'higher';
  return Math.exp((isHigherBetter ? -value : value) / term.weight);
}
