import { meetsBudgets } from '../../core/budget/budget.js';
import type { StudyPlan } from './study-plan.js';
import { findBest, listFinal, type StudyState, type TrialResult } from './study-state.js';

/** The best finalist that meets the budgets; those of a curve do not all have to. Of several objectives the knee of their front. */
export function findWinner(plan: StudyPlan, state: StudyState): TrialResult {
  return findBest(
    plan,
    listFinal(plan, state).filter(({ counts }) => meetsBudgets(plan.space, counts, plan.budgets)),
  );
}
