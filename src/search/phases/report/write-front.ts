import { hypervolume } from '../../../core/statistics/hypervolume.js';
import { findKnee } from '../../../core/statistics/knee-point.js';
import { nameObjective, type Objective } from '../../objectives/objectives.js';
import { findFront } from '../../objectives/rank-scores.js';
import { objectivesOf, type StudyPlan } from '../../study/plan.js';
import { scoreTrial, type TrialResult } from '../../study/trial.js';
import { listFinal } from '../verify.js';
import type { FinalState } from './report.js';

/** The finalists that no other one dominates, on the verify windows. */
export interface StudyFront {
  /** In the order of the first objective, the best first. */
  readonly points: readonly { readonly trial: TrialResult; readonly isKnee: boolean }[];
  /** What the front dominates up to the reference, each objective on its scale: natural logarithms, or values. */
  readonly hypervolume: number;
  /** What the controls dominate. */
  readonly controlHypervolume: number;
  /** The worst of each objective over all finalists and controls; in its own unit; of a sum as it is. */
  readonly reference: readonly { readonly objective: string; readonly value: number }[];
}

/** The front of a study of several objectives; undefined for one objective, or if no finalist meets the limits. */
export function writeFront(plan: StudyPlan, state: FinalState): StudyFront | undefined {
  const { objectives } = objectivesOf(plan);
  const final = listFinal(plan, state);
  const scores = final.map((trial) => scoreTrial(plan, trial));
  const front = findFront(scores);
  if (objectives.length === 1 || front.length === 0) return undefined;
  const valuesOf = (index: number): readonly number[] => scores[index]?.values ?? [];
  const controls = state.controls
    .filter(
      ({ part, rung, recipe, compensation }) =>
        part === 'verify' &&
        rung === plan.verifyRungs - 1 &&
        (recipe === 'paper' || compensation === state.compensation),
    )
    .map((trial) => scoreTrial(plan, trial).values);
  const measured = [...scores.map(({ values }) => values), ...controls].filter((values) =>
    values.every(Number.isFinite),
  );
  const reference = objectives.map((_, objective) =>
    measured.reduce((worst, values) => Math.max(worst, values[objective] ?? worst), Number.NEGATIVE_INFINITY),
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
    reference: objectives.map((objective, index) => ({
      objective: nameObjective(objective),
      value: inOwnUnit(objective, reference[index] ?? Number.NaN),
    })),
  };
}

/** The value of an objective of one quantity in the unit of that quantity; of a sum as it is. */
function inOwnUnit({ terms }: Objective, value: number): number {
  const [term] = terms;
  if (term === undefined || terms.length > 1) return value;
  const { quantity, weight } = term;
  const isHigherBetter = quantity.kind === 'metric' && quantity.metric.better === 'higher';
  const plain = (isHigherBetter ? -value : value) / weight;
  return quantity.kind === 'metric' && quantity.metric.scale === 'linear' ? plain : Math.exp(plain);
}
