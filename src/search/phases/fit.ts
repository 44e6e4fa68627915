import { listUsablePairs, type PairsState } from '../study/pairs.js';
import { unexpected, type Progress, type TrialCount } from '../study/phase.js';
import type { StudyPlan } from '../study/plan.js';
import type { Fitted, StudyAction, StudyEvent } from '../study/steps.js';

/*
 * Phase `fit`: predictors are fitted on all pairs so far, and judged. No trial is needed.
 */

export interface FitState {
  /** The newest; undefined before the first. */
  readonly fit: Fitted | undefined;
}

export const start: FitState = { fit: undefined };

type State = Progress & PairsState & FitState;

export function next(_plan: StudyPlan, state: State): StudyAction {
  return { kind: 'fit', pairs: listUsablePairs(state) };
}

/** The first fit begins the first round. */
export function apply<Own extends State>(plan: StudyPlan, state: Own, event: StudyEvent): Own {
  if (event.kind !== 'fitted') throw unexpected(state, event);
  const fitted = { ...state, fit: keepChoice(state.fit, event) };
  if (state.round > 0) return { ...fitted, phase: 'search' };
  return { ...fitted, round: 1, phase: plan.refinement === undefined ? 'search' : 'refine' };
}

export function count(): readonly TrialCount[] {
  return [];
}

/** A backend is chosen once: later fits keep how that was done. */
function keepChoice(before: Fitted | undefined, fit: Fitted): Fitted {
  return before?.choice === undefined ? fit : { choice: before.choice, ...fit };
}
