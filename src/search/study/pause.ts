import type { StudyPlan } from './study-plan.js';
import type { StudyState } from './study-state.js';

/** Whether a study waits before the phase that it has come to. */
export function isPaused({ pauseBefore }: Pick<StudyPlan, 'pauseBefore'>, state: StudyState): boolean {
  return pauseBefore.includes(state.phase) && !state.resumed.includes(nameVisit(state));
}

/** The state that goes on with the phase. Throws RangeError where nothing waits. */
export function goOn(plan: Pick<StudyPlan, 'pauseBefore'>, state: StudyState): StudyState {
  if (!isPaused(plan, state)) throw new RangeError(`the study does not wait before phase ${state.phase}`);
  return { ...state, resumed: [...state.resumed, nameVisit(state)] };
}

/** A phase may come once a round. */
function nameVisit({ phase, round }: StudyState): string {
  return `${phase}/${round}`;
}
