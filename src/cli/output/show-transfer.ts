import type { TransferProgress } from '../../client/index.js';
import { JobProgress } from '../../gen/prunecast/v1/job.js';
import type { ProgressDisplay } from './progress.js';

/** A shorter transfer shows nothing. */
const FIRST_MS = 2_000;

/** Each chunk drawn would be work for a terminal. */
const LEAST_APART_MS = 200;

/**
 * Shows how far a transfer is, how fast, and how long it will take: from two seconds after its start. What was there
 * before it counts for how far it is, not for how fast.
 */
export function showTransfer(
  display: Pick<ProgressDisplay, 'update'>,
  activity: string,
): (progress: TransferProgress) => void {
  const startedMs = Date.now();
  let nextMs = startedMs + FIRST_MS;
  let before: number | undefined;
  return ({ done, total }) => {
    before ??= done;
    const nowMs = Date.now();
    if (nowMs < nextMs && done < total) return;
    if (nowMs < startedMs + FIRST_MS) return;
    nextMs = nowMs + LEAST_APART_MS;
    const elapsedSeconds = (nowMs - startedMs) / 1000;
    const rate = (done - before) / elapsedSeconds;
    display.update(
      JobProgress.fromPartial({
        activity,
        done: BigInt(done),
        total: BigInt(total),
        unit: 'bytes',
        elapsedSeconds,
        ...(rate > 0 && { rate, remainingSeconds: (total - done) / rate }),
      }),
    );
  };
}
