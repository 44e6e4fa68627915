import { measureCounts } from '../../../core/budget/cost-model.js';
import { createCostModel } from '../../../core/budget/cost-spec.js';
import { fitLine, type Line } from '../../../core/statistics/fit-line.js';
import { fromFitScale, toFitScale, type StudyPlan } from '../../study/plan.js';
import type { TrialResult } from '../../study/trial.js';
import type { FinalState } from './report.js';

/** Two lines over the size, on the report windows, and the distance between them at the budget. */
export interface StudyCurve {
  /**
   * The metric on the scale of its fit against the natural logarithm of what the first budget limits.
   */
  readonly finalists: Line;
  readonly uniformPaper: Line;
  /** 1 - finalists' line / control's line, both at the budget; where higher is better their ratio - 1. */
  readonly lift: number;
}

/**
 * The lines through the finalists of a curve and through `uniform-paper` at the same sizes; undefined for a study
 * without a curve.
 */
export function writeCurve(plan: StudyPlan, { reported }: Pick<FinalState, 'reported'>): StudyCurve | undefined {
  const [budget] = plan.budgets;
  if (plan.curve === undefined || budget === undefined) return undefined;
  const cost = createCostModel(plan.space.shape, budget.cost);
  const lineOf = (trials: readonly TrialResult[]): Line | undefined =>
    fitLine(
      trials
        .filter(({ value, curvePoint }) => curvePoint !== undefined && Number.isFinite(value))
        .map(({ counts, value }) => ({
          x: Math.log(measureCounts(cost, plan.space, counts)),
          y: toFitScale(plan, value),
        })),
    );
  const finalists = lineOf(reported.filter(({ role }) => role === 'finalist'));
  const uniformPaper = lineOf(reported.filter(({ control }) => control === 'uniform-paper'));
  if (finalists === undefined || uniformPaper === undefined) return undefined;
  const at = ({ intercept, slope }: Line): number => fromFitScale(plan, intercept + slope * Math.log(budget.limit));
  const sign = plan.metric.better === 'lower' ? 1 : -1;
  const control = at(uniformPaper);
  return { finalists, uniformPaper, lift: (sign * (control - at(finalists))) / Math.abs(control) };
}
