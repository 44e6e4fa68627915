import { narrowSpace } from '../../../core/space/narrow-space.js';
import { changedRanges, type RangeChange } from '../../fit/propose-refinement.js';
import { countPairs, type PairsState } from '../../study/pairs.js';
import { unexpected, type Progress, type TrialCount } from '../../study/phase.js';
import type { StudyPlan } from '../../study/plan.js';
import type { StudyAction, StudyEvent } from '../../study/steps.js';
import type { FitState } from '../fit.js';

/*
 * Phase `refine`: ranges are moved by what the newest fit says about them (`refineSpace`), or as the caller edits that
 * (`editRefinement`). No trial is needed.
 */

export interface RefineState {
  /** Round by round. */
  readonly refinements: readonly (readonly RangeChange[])[];
}

export const start: RefineState = { refinements: [] };

export function next(_plan: StudyPlan, { space }: Progress): StudyAction {
  return { kind: 'refine', space };
}

/** What ranges are proposed from. */
export type FittedState = Pick<Progress, 'space' | 'recipe'> & PairsState & FitState;

export function apply<Own extends Progress & RefineState>(plan: StudyPlan, state: Own, event: StudyEvent): Own {
  if (event.kind !== 'refined') throw unexpected(state, event);
  return {
    ...state,
    space: narrowSpace(state.space, changedRanges(event.changes)),
    refinements: [...state.refinements, event.changes],
    phase: countPairs(plan, state.round) === 0 ? 'search' : 'sample',
  };
}

export function count(): readonly TrialCount[] {
  return [];
}
