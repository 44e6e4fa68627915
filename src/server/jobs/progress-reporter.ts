import type { Clock } from '../../core/ports/clock.js';
import type { JobProgress } from './event-codec.js';
import type { JobProgressReport } from './jobs.js';

/** Between two progress events of one activity. */
const INTERVAL_MS = 1000;

export interface ProgressReporter {
  report(progress: JobProgressReport): void;
  /** Sends what was held back. */
  flush(): void;
}

/**
 * Turns reports that come often into progress events: the first of an activity at once, then at most one per second;
 * the newest is always kept, and sent in the end.
 */
export function createProgressReporter(clock: Clock, send: (progress: JobProgress) => void): ProgressReporter {
  let activity: { readonly name: string; readonly unit: string; readonly startedMs: number; done: number } | undefined;
  let newest: JobProgressReport | undefined;
  let timer: NodeJS.Timeout | undefined;

  const sendNewest = () => {
    clearTimeout(timer);
    timer = undefined;
    if (!activity || !newest) return;
    // The clock may be set back meanwhile.
    send(describe(newest, Math.max(0, clock.now() - activity.startedMs) / 1000));
    newest = undefined;
  };
  const hold = () => {
    timer = setTimeout(() => {
      timer = undefined;
      if (!newest) return;
      sendNewest();
      hold();
    }, INTERVAL_MS);
    timer.unref();
  };
  return {
    report: (progress) => {
      // An activity that starts again under the same name, as labelling does phase after phase, has a pace of its own.
      // So has one that counts something else, as verifying does once the compensation by layers is over and tokens are
      // run.
      if (activity?.name !== progress.activity || activity.unit !== progress.unit || progress.done < activity.done) {
        sendNewest();
        activity = { name: progress.activity, unit: progress.unit, startedMs: clock.now(), done: progress.done };
      }
      activity.done = progress.done;
      newest = progress;
      if (timer) return;
      sendNewest();
      hold();
    },
    flush: sendNewest,
  };
}

/** The time left is what the rest takes at the pace so far. */
function describe({ activity, done, total, unit }: JobProgressReport, elapsedSeconds: number): JobProgress {
  const remainingSeconds =
    done > 0 && total > 0 && elapsedSeconds > 0 ? (elapsedSeconds * Math.max(0, total - done)) / done : undefined;
  return { activity, unit, done: toCount(done), total: toCount(total), elapsedSeconds, remainingSeconds };
}

/** Progress is for people: a count that is no number must not end the work. */
function toCount(value: number): number {
  return Number.isFinite(value) ? Math.max(0, Math.floor(value)) : 0;
}
