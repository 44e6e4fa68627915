import { distinctPoints } from '../../core/space/search-space.js';
import { listLevelPoints } from '../controls/uniform.js';
import type { PairsState } from '../study/pairs.js';
import { ask, record, unexpected, type Progress, type TrialCount } from '../study/phase.js';
import type { StudyPlan } from '../study/plan.js';
import type { StudyAction, StudyEvent } from '../study/steps.js';
import { findBest, toPair, type TrialPoint } from '../study/trial.js';
import { listAllocated, type ScoreState } from './score.js';

/*
 * Phase `recipe`: all recipes are tried on the same architectures, and the one with the best result is the study's. The
 * labels are pairs.
 */

type State = Progress & ScoreState & PairsState;

/** A study without points to compare recipes by has one recipe. */
export function enter<Own extends State>(plan: StudyPlan, state: Own): Own {
  return ask(state, listRecipePoints(plan, state), leave);
}

export function next(): StudyAction {
  throw new RangeError('phase recipe begins with the points that it needs, and ends with the last of them');
}

export function apply<Own extends State>(plan: StudyPlan, state: Own, event: StudyEvent): Own {
  if (event.kind !== 'evaluated') throw unexpected(state, event);
  return record(state, 'pairs', event.trial, (done) => {
    const { recipe } = findBest(plan, done.pairs);
    return leave({ ...done, recipe: recipe === 'paper' ? 0 : recipe });
  });
}

export function count(plan: StudyPlan): readonly TrialCount[] {
  return [{ part: 'search', rung: 0, trials: plan.recipes * countRecipePoints(plan), compensation: 'one-shot' }];
}

function leave<Own extends State>(state: Own): Own {
  return { ...state, phase: 'sample' };
}

/**
 * What the recipes are compared by, on the search windows: the level points, and what each recipe's scores and errors
 * allocate. Nothing better than a control then has to be extrapolated. A single recipe without level points has nothing
 * to compare.
 */
export function listRecipePoints(plan: StudyPlan, { allocations }: ScoreState): TrialPoint[] {
  if (!comparesRecipes(plan)) return [];
  const levels = listLevelPoints(plan.space, plan.budgets);
  return Array.from({ length: plan.recipes }, (_, recipe) => recipe).flatMap((recipe) => {
    const points = [...levels, ...(allocations[recipe] ?? []).map(({ counts }) => counts)];
    return distinctPoints(points).map((counts) => toPair(counts, recipe));
  });
}

/** How many points each recipe is tried on, if everything can be allocated and no two points are equal. */
export function countRecipePoints(plan: StudyPlan): number {
  return comparesRecipes(plan) ? listLevelPoints(plan.space, plan.budgets).length + listAllocated(plan).length : 0;
}

function comparesRecipes({ recipes, pairs }: StudyPlan): boolean {
  return recipes > 1 || pairs.levelPoints;
}
