import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The longest time that the event loop was held during some work, in milliseconds. */
export interface LoopDelay {
  /** By the histogram of `monitorEventLoopDelay`. */
  readonly delay: number;
  /**
   * Without the time that its thread waited for a processor, which matters on a shared machine; Linux only, otherwise
   * the same as `delay`.
   */
  readonly own: number;
}

/** Watches the event loop of the calling thread, which must be the main one, while `work` runs. */
export async function watchLoop<Result>(
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly loop: LoopDelay }> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  let own = 0;
  let last = readLoopClock();
  const timer = setInterval(() => {
    const now = readLoopClock();
    own = Math.max(own, now.elapsed - last.elapsed - (now.waited - last.waited));
    last = now;
  }, 1);
  histogram.enable();
  const result = await work();
  histogram.disable();
  clearInterval(timer);
  return { result, loop: { delay: histogram.max / 1e6, own: Number.isNaN(own) ? histogram.max / 1e6 : own } };
}

/**
 * Milliseconds that passed, and that the main thread waited for a processor; NaN if the system does not report them.
 */
export function readLoopClock(): { readonly elapsed: number; readonly waited: number } {
  return { elapsed: performance.now(), waited: readWaited() };
}

/** Milliseconds that the main thread of a process waited for a processor so far; NaN as above. */
export function readWaited(processId: number | 'self' = 'self'): number {
  try {
    const [, waitedNs] = readFileSync(`/proc/${processId}/schedstat`, 'utf8').split(' ');
    return Number(waitedNs) / 1e6;
  } catch {
    return NaN;
  }
}
