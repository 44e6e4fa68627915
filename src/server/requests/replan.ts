import type { Evaluator } from '../../core/ports/evaluator.js';
import type { Budget } from '../../gen/prunecast/v1/common.js';
import { Objective } from '../../gen/prunecast/v1/study.js';
import { requireAttainable } from '../../search/sampling/cost-range.js';
import type { StudyPlan } from '../../search/study/plan.js';
import { decodeBudgets } from './decode-budgets.js';
import { decodeObjectives } from './decode-objectives.js';
import { createStudySpace, refuseCurve } from './decode-study-plan.js';
import { readStudyPlan, type SearchPlan } from './plan-search.js';
import type { BudgetedModel } from './services.js';

/**
 * A study's plan for other budgets or objectives. Everything else stays as it was when the study began. But if the
 * budgets change and the request named no highest rate, the space changes with them.
 *
 * @param asked empty lists keep the study's own
 * @throws PrunecastError INVALID_REQUEST, SPACE_INVALID, BUDGET_INFEASIBLE with the nearest limit that can be met
 */
export async function replan(
  model: BudgetedModel,
  { study, asked: { space: options, ranges, objectives: named } }: SearchPlan,
  measured: Pick<Evaluator, 'id' | 'metrics'>,
  asked: { readonly budgets: readonly Budget[]; readonly objectives: readonly Objective[] },
): Promise<StudyPlan> {
  const own = readStudyPlan(study);
  const budgets = asked.budgets.length === 0 ? own.budgets : await decodeBudgets(model, asked.budgets);
  const space =
    asked.budgets.length === 0 ? own.space : createStudySpace(own.space.shape, budgets, { options, ranges });
  requireAttainable(space, budgets);
  const decoded = decodeObjectives(
    asked.objectives.length === 0 ? named.map((objective) => Objective.fromPartial(objective)) : asked.objectives,
    measured,
    budgets.map(({ cost }) => cost),
  );
  refuseCurve(own.curve, decoded.objectives);
  return { ...own, space, budgets, ...decoded };
}
