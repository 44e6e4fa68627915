import { meetsBudgets } from '../../core/budget/budget.js';
import type { StudyPlan } from './study-plan.js';
import { sortByValue, type StudyState, type TrialResult } from './study-state.js';

/** The best pair so far, in the study's recipe, that is a candidate: a larger one is better without being of use. The best of all where none is; undefined before the first. */
export function findCentre(
  plan: StudyPlan,
  { pairs, recipe }: Pick<StudyState, 'pairs' | 'recipe'>,
): TrialResult | undefined {
  const byValue = sortByValue(
    plan,
    pairs.filter((trial) => trial.recipe === recipe),
  );
  return byValue.find(({ counts }) => meetsBudgets(plan.space, counts, plan.budgets)) ?? byValue[0];
}
