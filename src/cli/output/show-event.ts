import type { JobEvent } from '../../client/index.js';
import { describeEvent } from './describe-event.js';
import type { ProgressDisplay } from './progress.js';

/** Shows an event of a job as it comes: progress moves, what stays true is a line that stays. */
export function showEvent(display: ProgressDisplay, event: JobEvent): void {
  if (event.payload?.$case === 'progress') return display.update(event.payload.value);
  const line = describeEvent(event);
  if (line !== undefined) display.note(line);
}
