import type { TrainingResult } from '../../core/ports/recovery.js';
import { unexpected, type Progress, type TrialCount } from '../study/phase.js';
import type { StudyPlan } from '../study/plan.js';
import type { ExportedForm, StudyAction, StudyEvent } from '../study/steps.js';

/*
 * Phase `export`: the winner is trained if the plan says so, and written as soon as it is known. Controls and report
 * change nothing about it, and take long. No trial is needed.
 */

export function next(): StudyAction {
  return { kind: 'export' };
}

export function apply<State extends Progress & ExportState>(_plan: StudyPlan, state: State, event: StudyEvent): State {
  if (event.kind !== 'exported') throw unexpected(state, event);
  const { output, recovery, exports } = event;
  const exported: State = { ...state, phase: 'controls', output, ...(exports === undefined ? {} : { exports }) };
  return recovery === undefined
    ? exported
    : { ...exported, recovery, tokens: { ...state.tokens, export: recovery.tokens } };
}

export function count(): readonly TrialCount[] {
  return [];
}

export interface ExportState {
  /** Where the winner lies, as the request names it; empty if it is not written. */
  readonly output: string;
  /** What the winner's recovery came to; undefined if it has none, or is not known yet. */
  readonly recovery?: TrainingResult;
  /** Its forms if there are several. */
  readonly exports?: readonly ExportedForm[];
}

export const start: ExportState = { output: '' };
