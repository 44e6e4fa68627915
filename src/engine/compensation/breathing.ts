import { setImmediate } from 'node:timers/promises';
import type { Breathe } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';

/** Between two moments in which a cancel comes through. */
const INTERVAL_MS = 50;

/** A fit that takes no longer is not told of: one comes after the other, and other work goes on between them. */
const LEAST_TOLD_MS = 1000;

/** What a fit that takes long reports as, in percent. */
const FIT_ACTIVITY = 'factorising';

/** @param tell is told the share of the work that is done */
export function createBreathing(signal: AbortSignal, tell: (share: number) => void): Breathe {
  let breathedMs = performance.now();
  return async (share) => {
    if (performance.now() - breathedMs < INTERVAL_MS) return;
    await setImmediate();
    breathedMs = performance.now();
    signal.throwIfAborted();
    tell(share);
  };
}

/** For fits that come one after the other; those that take long are told of. */
export function createFitBreathing({ signal, report }: WorkContext): Breathe {
  let last = 1;
  let begunMs = performance.now();
  const breathe = createBreathing(signal, (share) => {
    if (performance.now() - begunMs > LEAST_TOLD_MS)
      report?.({ activity: FIT_ACTIVITY, what: '%', done: Math.round(100 * share), total: 100 });
  });
  return async (share) => {
    if (share < last) begunMs = performance.now();
    last = share;
    await breathe(share);
  };
}

/**
 * The same work for one that counts its fits itself: how far one of them is counts as a part of how far it is.
 *
 * @param add is told the share of the fit that is under way
 */
export function withFitShares({ signal, report }: WorkContext, add: (share: number) => void): WorkContext {
  return {
    signal,
    report: (progress) => {
      if (progress.activity === FIT_ACTIVITY) add(progress.done / progress.total);
      else report?.(progress);
    },
  };
}
