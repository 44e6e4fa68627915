import type { JobEvent } from '../../client/index.js';
import { describeEvent } from './describe-event.js';
import { withoutPace, type ProgressDisplay } from './progress.js';

/** Progress that is older tells how far a job was, not how fast it is. */
const FRESH_MS = 60_000;

/** Shows an event of a job as it comes: progress is one moving line, everything else a line that stays. */
export function showEvent(display: ProgressDisplay, event: JobEvent, resumeCommand?: (jobId: string) => string): void {
  if (event.payload?.$case === 'progress') {
    const progress = event.payload.value;
    return display.update(isOld(event) ? withoutPace(progress) : progress);
  }
  for (const line of describeEvent(event, resumeCommand)) display.note(line);
}

function isOld({ time }: JobEvent): boolean {
  return time !== undefined && Date.now() - Number(time.seconds) * 1000 > FRESH_MS;
}
