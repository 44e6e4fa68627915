import { pause } from './follow-job.js';

/**
 * Asks again and again while the page is visible: `ask` at once, then `everyMs` after each answer, until the signal
 * fires. What `ask` throws goes to `failed`, and it is asked again.
 */
export async function poll(
  ask: () => Promise<void>,
  { everyMs, failed, signal }: { everyMs: number; failed: (error: unknown) => void; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      if (!document.hidden) await ask();
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
    await pause(everyMs, signal);
  }
}
