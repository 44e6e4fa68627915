import type { Budget } from '../../core/budget/budget.js';
import { measureCost } from '../../core/budget/cost-model.js';
import type { StudyPlan } from './study-plan.js';
import { createCostModel } from '../../core/budget/cost-spec.js';

/** The budgets that remove `factor` times as much as the study's. */
export function scaleBudgets(
  { space: { shape }, budgets }: Pick<StudyPlan, 'space' | 'budgets'>,
  factor: number,
): Budget[] {
  return budgets.map(({ cost, limit }) => {
    const dense = measureCost(createCostModel(shape, cost), shape.layers);
    return { cost, limit: Math.floor(dense - factor * (dense - limit)) };
  });
}
