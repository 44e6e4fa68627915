import type { JobEvent } from '../../client/index.js';
import { describeEvent } from './describe-event.js';
import type { ProgressDisplay } from './progress.js';

/** Shows an event of a job as it comes: progress is one moving line, everything else a line that stays. */
export function showEvent(display: ProgressDisplay, event: JobEvent, resumeCommand?: (jobId: string) => string): void {
  if (event.payload?.$case === 'progress') return display.update(event.payload.value);
  for (const line of describeEvent(event, resumeCommand)) display.note(line);
}
