import type { Budget } from '../../core/budget/budget.js';
import { measureCounts } from '../../core/budget/cost-model.js';
import { listCosts } from '../objectives/objectives.js';
import { listUniformBest, findUniformPaper } from '../controls/uniform.js';
import { distinctPoints, type Counts } from '../../core/space/search-space.js';
import { scaleBudgets } from './scale-budgets.js';
import { findWinner } from './find-winner.js';
import { objectivesOf, type ControlName, type StudyPlan } from './study-plan.js';
import { toPair, type RecipeChoice, type StudyState, type TrialPoint } from './study-state.js';
import { createCostModel } from '../../core/budget/cost-spec.js';

/** Distinct architectures that every recipe is tried on, and that pairs begin with: one rate or one pair of counts everywhere. */
export function listLevelPoints(plan: StudyPlan): Counts[] {
  const paper = findUniformPaper(plan.space, plan.budgets);
  const points = [...(paper === undefined ? [] : [paper.counts]), ...listUniformBest(plan.space, plan.budgets)];
  return distinctPoints(points);
}

/**
 * What the recipes are compared by, on the search windows: the level points, and what each recipe's scores and errors
 * allocate. Their labels are pairs, so that nothing better than a control has to be extrapolated. Of one recipe without level
 * points there is nothing to compare.
 */
export function listRecipePoints(plan: StudyPlan, { allocations }: Pick<StudyState, 'allocations'>): TrialPoint[] {
  if (plan.recipes === 1 && !plan.pairs.levelPoints) return [];
  const levels = listLevelPoints(plan);
  return Array.from({ length: plan.recipes }, (_, recipe) => recipe).flatMap((recipe) => {
    const points = [...levels, ...(allocations[recipe] ?? []).map(({ counts }) => counts)];
    return distinctPoints(points).map((counts) => toPair(counts, recipe));
  });
}

/** The controls' candidates on the verify windows, at the dearest fidelity, but for `random`, which is drawn. */
export function listVerifyControls(plan: StudyPlan, state: StudyState): TrialPoint[] {
  const point = (control: ControlName, counts: Counts, recipe: RecipeChoice): TrialPoint => ({
    counts,
    role: 'control',
    part: 'verify',
    recipe,
    compensation: recipe === 'paper' ? 'one-shot' : state.compensation,
    rung: plan.verifyRungs - 1,
    control,
  });
  const budgets = limitControls(plan, state);
  const uniform = (recipe: RecipeChoice, wanted: readonly ControlName[]): TrialPoint[] => {
    const paper = findUniformPaper(plan.space, budgets);
    return [
      ...(paper === undefined || !wanted.includes('uniform-paper')
        ? []
        : [point('uniform-paper', paper.counts, recipe)]),
      ...(wanted.includes('uniform-best')
        ? listUniformBest(plan.space, budgets).map((counts) => point('uniform-best', counts, recipe))
        : []),
    ];
  };
  const allocated = (state.allocations[state.recipe] ?? []).filter(({ control }) => plan.controls.includes(control));
  return [
    ...uniform(state.recipe, plan.controls),
    ...allocated.map(({ control, counts }) => point(control, counts, state.recipe)),
    ...uniform('paper', plan.paperControls),
  ];
}

/** The budgets of the controls: the study's, or where a cost is to be made better what the winner costs, so that they compare. */
function limitControls(plan: StudyPlan, state: StudyState): readonly Budget[] {
  const costs = listCosts(objectivesOf(plan));
  if (costs.length === 0) return plan.budgets;
  const { counts } = findWinner(plan, state);
  const limited = [...plan.budgets.map(({ cost }) => cost), ...costs];
  return limited.map((cost) => ({
    cost,
    limit: measureCounts(createCostModel(plan.space.shape, cost), plan.space, counts),
  }));
}

/** The control `uniform-paper` at every size of the curve, on the report windows. */
export function listCurveControls(plan: StudyPlan, state: StudyState): TrialPoint[] {
  return (plan.curve?.factors ?? []).flatMap((factor, curvePoint) => {
    const point = findUniformPaper(plan.space, scaleBudgets(plan, factor));
    return point === undefined
      ? []
      : [
          {
            counts: point.counts,
            role: 'control',
            part: 'report',
            recipe: state.recipe,
            compensation: state.compensation,
            rung: 0,
            control: 'uniform-paper',
            curvePoint,
          } as const,
        ];
  });
}
