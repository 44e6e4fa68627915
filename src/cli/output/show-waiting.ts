import type { ProgressDisplay } from './progress.js';

const SECOND_MS = 1_000;

/**
 * Says that something of unknown length goes on: from a second after its start, each second anew. Returns what ends
 * that and removes the moving line.
 */
export function showWaiting(display: Pick<ProgressDisplay, 'wait' | 'end'>, activity: string): () => void {
  const startedAt = Date.now();
  const timer = setInterval(() => display.wait(activity, (Date.now() - startedAt) / SECOND_MS), SECOND_MS);
  return () => {
    clearInterval(timer);
    display.end();
  };
}
