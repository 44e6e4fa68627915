import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { JobQueue, Lane, WaitingJob } from '../../../core/ports/job-queue.js';

export interface JobQueueLimits {
  /** Jobs that run at the same time in each lane; in the lane `model`, turns too. */
  readonly slots: number;
  /** Jobs that may wait, and turns that may wait. */
  readonly mostWaiting: number;
}

/** When a caller may try again if the queue is full; heavy jobs take minutes. */
const RETRY_AFTER_MS = 30_000;

const TURNS: Lane = 'model';

/** The queue of a server that runs all of its jobs itself. */
export function createJobQueue({ slots, mostWaiting }: JobQueueLimits): JobQueue {
  /** Jobs and turns that have a slot, with its lane. */
  const running = new Map<string, Lane>();
  let waiting: readonly WaitingJob[] = [];
  /** Turns that wait, with what grants them. */
  const turns = new Map<string, () => void>();
  const countFree = (lane: Lane): number =>
    Math.max(0, slots - [...running.values()].filter((other) => other === lane).length);
  const countWaiting = (lane: Lane): number => waiting.filter((job) => job.lane === lane).length;
  const grantTurns = (): void => {
    for (const grant of [...turns.values()].slice(0, countFree(TURNS))) grant();
  };
  const append = (jobId: string, lane: Lane): number => {
    waiting = [...waiting, { jobId, lane }];
    return countWaiting(lane);
  };

  return {
    admit: async (jobId, lane) => {
      if (countFree(lane) > 0 && countWaiting(lane) === 0) {
        running.set(jobId, lane);
        return 0;
      }
      if (waiting.length >= mostWaiting) throw overloaded(waiting.length);
      return append(jobId, lane);
    },
    append: async (jobId, lane) => append(jobId, lane),
    claim: async () => {
      const claimed: string[] = [];
      for (const { jobId, lane } of waiting) {
        if (countFree(lane) === 0) continue;
        running.set(jobId, lane);
        claimed.push(jobId);
      }
      waiting = waiting.filter(({ jobId }) => !running.has(jobId));
      return claimed;
    },
    putBack: async (jobIds) => {
      const back = jobIds.flatMap((jobId) => {
        const lane = running.get(jobId);
        return lane === undefined ? [] : [{ jobId, lane }];
      });
      for (const { jobId } of back) running.delete(jobId);
      waiting = [...back, ...waiting];
      grantTurns();
    },
    waiting: async () => waiting,
    remove: async (jobId) => {
      running.delete(jobId);
      waiting = waiting.filter((other) => other.jobId !== jobId);
      grantTurns();
    },
    takeTurn: async (turnId, signal) => {
      signal.throwIfAborted();
      if (countFree(TURNS) > 0) return void running.set(turnId, TURNS);
      if (turns.size >= mostWaiting) throw overloaded(turns.size);
      await new Promise<void>((resolve, reject) => {
        const giveUp = (): void => {
          turns.delete(turnId);
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', giveUp, { once: true });
        turns.set(turnId, () => {
          signal.removeEventListener('abort', giveUp);
          turns.delete(turnId);
          running.set(turnId, TURNS);
          resolve();
        });
      });
    },
    endTurn: async (turnId) => {
      running.delete(turnId);
      grantTurns();
    },
  };
}

function overloaded(count: number): PrunecastError {
  return new PrunecastError('OVERLOADED', `${count} jobs or calls wait already, and no more may: try again later`, {
    metadata: { queued_jobs: String(count) },
    retryAfterMs: RETRY_AFTER_MS,
  });
}
