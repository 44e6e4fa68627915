/** How fast a work gets on, and how long the rest of it takes. */
export interface Pace {
  /** Units a second, recently; `undefined` as long as too little is known. */
  readonly rate: number | undefined;
  /** Until all is done; `undefined` as long as it is unknown. */
  readonly remainingSeconds: number | undefined;
}

export interface PaceTracker {
  /** Tells that so much was done at a time. Times and amounts never fall; what does is taken as no change. */
  observe(seconds: number, done: number): void;
  /** The pace as of a time, for work of so much in all; 0 if that is unknown. */
  tell(seconds: number, total: number): Pace;
}

/** What lies so far back counts about a third of what happens now. */
const MEMORY_SECONDS = 20;

/** Nothing is told of a work that was watched for a shorter time: its first steps are no pace. */
const LEAST_SECONDS = 1;

/** A silence that is this much longer than those before it is no work: the machine slept, or the work waited. */
const LONGEST_SILENCE = 8;

/** But no silence shorter than this. */
const SHORTEST_PAUSE_SECONDS = 30;

/**
 * Takes the pace from the reports of recent seconds, each counting less the longer it is ago, so that
 *
 * - at a steady pace the time left falls by the seconds that pass, between reports too;
 * - after a change of pace it moves there within a few times `MEMORY_SECONDS`, without a leap;
 * - work that was done before the first report, as by an earlier run, is no pace;
 * - a pause lengthens the time left by itself only.
 */
export function trackPace(): PaceTracker {
  let last: { readonly seconds: number; readonly done: number } | undefined;
  /** Sums over all reports, each weighted by its age. */
  let [work, time, reports] = [0, 0, 0];
  /** What was watched, pauses apart. */
  let watched = 0;
  let hasPaused = false;
  const isPause = (silence: number): boolean =>
    silence > SHORTEST_PAUSE_SECONDS && reports > 0 && silence > (LONGEST_SILENCE * time) / reports;
  return {
    observe(seconds, done) {
      if (last === undefined) {
        last = { seconds, done };
        return;
      }
      const step = done - last.done;
      const passed = seconds - last.seconds;
      // A report without progress tells nothing yet: what follows it says how long the step took.
      if (step <= 0 && passed >= 0) return;
      last = { seconds, done: Math.max(done, last.done) };
      if (step <= 0 || passed < 0) return;
      // How long a step took that a pause interrupted is unknown. Steps that are all that long are no pauses.
      hasPaused = !hasPaused && isPause(passed);
      if (hasPaused) return;
      const kept = Math.exp(-passed / MEMORY_SECONDS);
      [work, time, reports] = [work * kept + step, time * kept + passed, reports * kept + 1];
      watched += passed;
    },
    tell(seconds, total) {
      if (last === undefined || watched < LEAST_SECONDS || time <= 0)
        return { rate: undefined, remainingSeconds: undefined };
      const rate = work / time;
      const silence = Math.max(0, seconds - last.seconds);
      const rest = Math.max(0, total - last.done) / rate;
      // The step that is under way may take longer than expected: it is then about to end, and not done.
      const passed = isPause(silence) ? 0 : Math.min(silence, time / reports);
      return { rate, remainingSeconds: total > 0 ? Math.max(0, rest - passed) : undefined };
    },
  };
}
