import { createAlarm } from '../jobs/alarm.js';
import { PHASES_BEFORE_JOB, createPhaseLog } from '../jobs/phase-log.js';
import { createProgressReporter } from '../jobs/progress-reporter.js';
import type { PartContext } from '../kinds/job-context.js';
import { toTimestamp } from '../encoding/timestamp.js';
import type { JobEvent } from '../../gen/prunecast/v1/job.js';
import { encodeProgress } from '../records/encode-progress.js';

/** Monotonic, in milliseconds since 1970. */
const CLOCK = { now: (): number => performance.timeOrigin + performance.now() };

/** The reporter breaks every silence; this one only ends a wait that nothing else ends. */
const LONGEST_WAIT_MS = 60_000;

/**
 * Opens a job, and tells meanwhile how far that is, in events that are not stored: they have no number and name no job,
 * since there is none yet. A caller that takes them slowly gets the newest one only.
 *
 * @returns what `open` resolves to
 * @throws what `open` throws
 */
export async function* tellOpening<Result>(
  signal: AbortSignal,
  open: (context: PartContext) => Promise<Result>,
): AsyncGenerator<{ event: JobEvent }, Result, undefined> {
  const phases = createPhaseLog(CLOCK, PHASES_BEFORE_JOB);
  const alarm = createAlarm([signal]);
  let newest: JobEvent | undefined;
  const reporter = createProgressReporter(CLOCK, (progress) => {
    const payload = { $case: 'progress', value: encodeProgress({ ...progress, place: phases.place() }) } as const;
    newest = { jobId: '', sequence: 0n, time: toTimestamp(CLOCK.now()), payload };
    alarm.wake();
  });
  const opened = open({
    signal,
    progress: (progress) => {
      reporter.turnTo(progress);
      phases.follow(progress);
      reporter.report(progress);
    },
  });
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
    alarm.wake();
  };
  opened.then(settle, settle);
  try {
    for (;;) {
      await alarm.wait(LONGEST_WAIT_MS);
      if (isSettled || signal.aborted) return await opened;
      alarm.reset();
      if (newest === undefined) continue;
      const event = newest;
      newest = undefined;
      yield { event };
    }
  } finally {
    alarm.release();
    reporter.drop();
  }
}
