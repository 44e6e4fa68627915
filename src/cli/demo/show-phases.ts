import { StudyPhase, type JobEvent } from '../../client/index.js';
import { createProgressDisplay, type ProgressStream } from '../output/progress.js';

/** Shows how far the demo is. */
export interface DemoDisplay {
  show(event: JobEvent): void;
  /** A step that is no phase of the study. */
  step(line: string): void;
  /** Removes the moving line. */
  end(): void;
}

/** What each phase does, for a reader who has not heard of any. */
const PHASE_LINES: Partial<Record<StudyPhase, string>> = {
  [StudyPhase.RECIPE]: 'measuring versions with one rate everywhere',
  [StudyPhase.SAMPLE]: 'measuring pruned versions, drawn at random',
  [StudyPhase.FIT]: 'fitting predictors on them, and keeping the best',
  [StudyPhase.REFINE]: 'narrowing the search to where it pays',
  [StudyPhase.SEARCH]: 'predicting tens of thousands of candidates',
  [StudyPhase.VERIFY]: 'measuring those that are predicted to be best',
  [StudyPhase.CONTROLS]: 'measuring what simpler methods find, and chance',
  [StudyPhase.REPORT]: 'measuring all of them on stories that no choice has seen',
  [StudyPhase.EXPORT]: 'writing the winner',
};

/** On a terminal one moving line; elsewhere one line when a phase begins for the first time. */
export function createDemoDisplay(stream: ProgressStream): DemoDisplay {
  const display = createProgressDisplay(stream);
  const isMoving = stream.isTTY === true;
  const seen = new Set<string>();
  const step = (line: string): void => {
    if (isMoving || seen.has(line)) return;
    seen.add(line);
    display.note(line);
  };
  return {
    show({ payload }) {
      if (payload?.$case === 'progress' && isMoving) display.update(payload.value);
      if (payload?.$case !== 'study' || payload.value.event?.$case !== 'phaseStarted') return;
      const line = PHASE_LINES[payload.value.phase];
      if (line !== undefined) step(line);
    },
    step,
    end: display.end,
  };
}
