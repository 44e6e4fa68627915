import type { WorkContext, WorkProgress } from '../../core/ports/work-context.js';

const INTERVAL_MS = 50;

/** A report that sends at most one progress in 50 ms, and each that says that all is done or that it is saved. */
export function throttleProgress(send: (progress: WorkProgress) => void): Required<WorkContext>['report'] {
  let sentMs = -Infinity;
  return (progress) => {
    const isEarly = performance.now() - sentMs < INTERVAL_MS;
    if (isEarly && progress.done < progress.total && progress.saved !== true) return;
    sentMs = performance.now();
    send(progress);
  };
}
