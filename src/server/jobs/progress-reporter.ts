import type { Clock } from '../../core/ports/clock.js';
import type { JobProgress } from './event-codec.js';
import type { JobProgressReport } from './jobs.js';
import { toAmount, toCount } from './to-count.js';
import { trackPace, type PaceTracker } from './track-pace.js';

/** Between two progress events of one activity. */
const INTERVAL_MS = 1000;

/** After this many intervals without a report the newest one is sent again, with the time that has passed. */
const MOST_SILENT = 2;

/** How far an activity is, and how fast it gets on. */
export type PacedProgress = Omit<JobProgress, 'place'>;

export interface ProgressReporter {
  report(progress: JobProgressReport): void;
  /** Sends what was held back of another activity than the one that is reported next. */
  turnTo(next: JobProgressReport): void;
  /** As `report`, but not sent if anything is reported within a second. */
  mention(progress: JobProgressReport): void;
  /** Sends what was held back. */
  flush(): void;
  /** As `flush`, and what is reported later is not sent. */
  end(): void;
  /** As `end`, but what was held back is not sent either. */
  drop(): void;
}

interface Activity {
  readonly startedMs: number;
  readonly pace: PaceTracker;
  readonly newest: JobProgressReport;
  /** Whether `newest` is sent. */
  readonly isSent: boolean;
  /** Whether it is only mentioned so far. */
  readonly isMention: boolean;
}

/**
 * Turns reports that come often into progress events: the first of an activity at once, then at most one per second;
 * the newest is always kept, and sent in the end. A silent activity is told of every two seconds: some works cannot
 * tell how far they are, but their time passes.
 */
export function createProgressReporter(clock: Clock, send: (progress: PacedProgress) => void): ProgressReporter {
  let activity: Activity | undefined;
  /** Those of this phase, by name and unit: factorising interrupts labelling, which then goes on. */
  const known = new Map<string, Activity>();
  let timer: NodeJS.Timeout | undefined;
  let silent = 0;
  let isOver = false;

  const sendNewest = () => {
    clearTimeout(timer);
    timer = undefined;
    silent = 0;
    if (activity === undefined) return;
    activity = { ...activity, isSent: true };
    send(describe(activity, clock.now()));
  };
  const hold = () => {
    timer = setTimeout(() => {
      silent += 1;
      if (activity?.isSent === false || silent >= MOST_SILENT) sendNewest();
      hold();
    }, INTERVAL_MS);
    timer.unref();
  };
  const flush = (): void => {
    if (activity?.isSent === false && !activity.isMention) sendNewest();
  };
  /** The activity that goes on with this, if there is one. */
  const findEarlier = (newest: JobProgressReport, isMention: boolean): Activity | undefined => {
    const earlier = known.get(keyOf(newest, isMention));
    if (earlier === undefined) return undefined;
    // An activity that starts again under its name, as labelling does batch after batch, has a pace of its own.
    return newest.total === earlier.newest.total && newest.done >= earlier.newest.done ? earlier : undefined;
  };
  const turnTo = (newest: JobProgressReport, isMention = false): void => {
    if (findEarlier(newest, isMention) === undefined) flush();
  };
  /** Whether it is the first of an activity. */
  const take = (newest: JobProgressReport, isMention: boolean): boolean => {
    turnTo(newest, isMention);
    const earlier = findEarlier(newest, isMention);
    activity =
      earlier === undefined
        ? { startedMs: clock.now(), pace: trackPace(), newest, isSent: false, isMention }
        : { ...earlier, newest, isSent: false };
    known.set(keyOf(newest, isMention), activity);
    // Parts of a unit are no count, but they are a pace.
    activity.pace.observe(clock.now() / 1000, toAmount(newest.done));
    return earlier === undefined;
  };
  const drop = (): void => {
    clearTimeout(timer);
    [timer, activity, isOver] = [undefined, undefined, true];
  };
  return {
    report(progress) {
      if (isOver || (!take(progress, false) && timer !== undefined)) return;
      sendNewest();
      hold();
    },
    turnTo: (next) => turnTo(next),
    mention(progress) {
      if (isOver) return;
      known.clear();
      take(progress, true);
      if (timer === undefined) hold();
    },
    flush,
    end() {
      flush();
      drop();
    },
    drop,
  };
}

function keyOf({ activity, unit }: JobProgressReport, isMention: boolean): string {
  return JSON.stringify([isMention, activity, unit]);
}

function describe(
  { startedMs, pace, newest: { activity, done, total, unit, items } }: Activity,
  nowMs: number,
): PacedProgress {
  return {
    activity,
    unit,
    done: toCount(done),
    total: toCount(total),
    ...(items === undefined ? {} : { items: { done: toCount(items.done), total: toCount(items.total) } }),
    // The clock may be set back meanwhile.
    elapsedSeconds: Math.max(0, nowMs - startedMs) / 1000,
    ...pace.tell(nowMs / 1000, toCount(total)),
  };
}
