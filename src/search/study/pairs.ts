import { meetsBudgets } from '../../core/budget/budget.js';
import type { Progress } from './phase.js';
import type { StudyPlan } from './plan.js';
import { sortByValue, type TrialResult } from './trial.js';

/**
 * The pairs of a study: `recipe` labels the first ones, `sample` most, and `verify` the finalists between two rounds.
 */
export interface PairsState {
  /** On the search windows, those of recipes that were not chosen included. */
  readonly pairs: readonly TrialResult[];
}

/**
 * What a predictor can be fitted on: pairs of the study's recipe whose value is finite. A model that broke altogether
 * has none.
 */
export function listUsablePairs({ pairs, recipe }: PairsState & Pick<Progress, 'recipe'>): TrialResult[] {
  return pairs.filter((trial) => trial.recipe === recipe && Number.isFinite(trial.value));
}

/**
 * The best pair so far, in the study's recipe, that is a candidate: a larger one is better without being of use. If
 * none is a candidate, the best of all; undefined before the first.
 */
export function findCentre(
  plan: StudyPlan,
  { pairs, recipe }: PairsState & Pick<Progress, 'recipe'>,
): TrialResult | undefined {
  const byValue = sortByValue(
    plan,
    pairs.filter((trial) => trial.recipe === recipe),
  );
  return byValue.find(({ counts }) => meetsBudgets(plan.space, counts, plan.budgets)) ?? byValue[0];
}

/** How many pairs a round has: the first sample, then each round's share of those inside the refined space. */
export function countPairs(
  { pairs, rounds, refinement }: Pick<StudyPlan, 'pairs' | 'rounds' | 'refinement'>,
  round: number,
): number {
  const inside = refinement === undefined ? 0 : Math.min(pairs.insideCount, pairs.count);
  if (round === 0) return pairs.count - inside;
  return Math.floor((inside * round) / rounds) - Math.floor((inside * (round - 1)) / rounds);
}

/** How many pairs all rounds after the first sample have. */
export function countPairsInside(plan: StudyPlan): number {
  const rounds = Array.from({ length: plan.rounds }, (_, round) => countPairs(plan, round + 1));
  return rounds.reduce((sum, pairs) => sum + pairs, 0);
}
