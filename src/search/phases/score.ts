import { unexpected, type Progress, type TrialCount } from '../study/phase.js';
import type { StudyPlan } from '../study/plan.js';
import {
  ALLOCATED_CONTROLS,
  type AllocatedControl,
  type Allocation,
  type StudyAction,
  type StudyEvent,
} from '../study/steps.js';

/*
 * Phase `score`: the units are ranked in every recipe that is compared, and each recipe's scores and errors allocate
 * the budgets. No trial is needed.
 */

export interface ScoreState {
  /** Recipe by recipe. */
  readonly allocations: readonly (readonly Allocation[])[];
}

export const start: ScoreState = { allocations: [] };

export function next(): StudyAction {
  return { kind: 'score' };
}

export function apply<State extends Progress & ScoreState>(_plan: StudyPlan, state: State, event: StudyEvent): State {
  if (event.kind !== 'scored') throw unexpected(state, event);
  const { allocations = [], tokensSpent = 0 } = event;
  return { ...state, phase: 'recipe', allocations, tokens: { ...state.tokens, score: tokensSpent } };
}

export function count(): readonly TrialCount[] {
  return [];
}

/** The allocations that a study needs of each recipe: as pairs, or as controls. */
export function listAllocated({ controls, pairs }: Pick<StudyPlan, 'controls' | 'pairs'>): AllocatedControl[] {
  return ALLOCATED_CONTROLS.filter((control) => pairs.levelPoints || controls.includes(control));
}
