import { unexpected, type Progress, type TrialCount } from '../study/phase.js';
import type { StudyPlan } from '../study/plan.js';
import type { StudyAction, StudyEvent } from '../study/steps.js';

/*
 * Phase `export`: the winner is written as soon as it is known. Controls and report change nothing about it, and take
 * long. No trial is needed.
 */

export function next(): StudyAction {
  return { kind: 'export' };
}

export function apply<State extends Progress & ExportState>(_plan: StudyPlan, state: State, event: StudyEvent): State {
  if (event.kind !== 'exported') throw unexpected(state, event);
  return { ...state, phase: 'controls', output: event.output };
}

export function count(): readonly TrialCount[] {
  return [];
}

export interface ExportState {
  /** Where the winner lies, as the request names it; empty if it is not written. */
  readonly output: string;
}

export const start: ExportState = { output: '' };
