import { HEARTBEAT_MS } from '../config/limits.js';
import { createAlarm } from '../jobs/alarm.js';
import { PHASES_BEFORE_JOB, createPhaseLog } from '../jobs/phase-log.js';
import { createProgressReporter } from '../jobs/progress-reporter.js';
import type { PartContext } from '../kinds/job-context.js';
import { toTimestamp } from '../encoding/timestamp.js';
import type { JobEvent } from '../../gen/prunecast/v1/job.js';
import { encodeProgress } from '../records/encode-progress.js';

/** Monotonic, in milliseconds since 1970. */
const CLOCK = { now: (): number => performance.timeOrigin + performance.now() };

/**
 * Opens a job, and tells meanwhile how far that is, in events that are not stored: they have no number and name no job,
 * since there is none yet. A caller that takes them slowly gets the newest one only. While there is nothing to tell, as on
 * a machine that is too busy to begin, heartbeats say that the server is there.
 *
 * @returns what `open` resolves to
 * @throws what `open` throws
 */
export async function* tellOpening<Result>(
  signal: AbortSignal,
  open: (context: PartContext) => Promise<Result>,
  heartbeatMs = HEARTBEAT_MS,
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
      const ended = await alarm.wait(heartbeatMs);
      if (isSettled || signal.aborted) return await opened;
      alarm.reset();
      if (ended === 'silence') yield { event: heartbeat() };
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

function heartbeat(): JobEvent {
  return { jobId: '', sequence: 0n, time: toTimestamp(CLOCK.now()), payload: { $case: 'heartbeat', value: {} } };
}
