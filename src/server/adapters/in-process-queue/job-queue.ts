import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { JobQueue } from '../../../core/ports/job-queue.js';

export interface JobQueueLimits {
  /** Jobs and turns that run at the same time. */
  readonly slots: number;
  /** Jobs that may wait, and turns that may wait. */
  readonly mostWaiting: number;
}

/** When a caller may try again if the queue is full; heavy jobs take minutes. */
const RETRY_AFTER_MS = 30_000;

/** The queue of a server that runs all of its jobs itself. */
export function createJobQueue({ slots, mostWaiting }: JobQueueLimits): JobQueue {
  /** Jobs and turns that have a slot. */
  const running = new Set<string>();
  let waiting: readonly string[] = [];
  /** Turns that wait, with what grants them. */
  const turns = new Map<string, () => void>();
  const countFree = (): number => Math.max(0, slots - running.size);
  const grantTurns = (): void => {
    for (const grant of [...turns.values()].slice(0, countFree())) grant();
  };

  return {
    admit: async (jobId) => {
      if (countFree() > 0 && waiting.length === 0) {
        running.add(jobId);
        return 0;
      }
      if (waiting.length >= mostWaiting) throw overloaded(waiting.length);
      waiting = [...waiting, jobId];
      return waiting.length;
    },
    append: async (jobId) => {
      waiting = [...waiting, jobId];
      return waiting.length;
    },
    claim: async () => {
      const claimed = waiting.slice(0, countFree());
      waiting = waiting.slice(claimed.length);
      for (const jobId of claimed) running.add(jobId);
      return claimed;
    },
    putBack: async (jobIds) => {
      for (const jobId of jobIds) running.delete(jobId);
      waiting = [...jobIds, ...waiting];
      grantTurns();
    },
    waiting: async () => waiting,
    remove: async (jobId) => {
      running.delete(jobId);
      waiting = waiting.filter((other) => other !== jobId);
      grantTurns();
    },
    takeTurn: async (turnId, signal) => {
      signal.throwIfAborted();
      if (countFree() > 0) return void running.add(turnId);
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
          running.add(turnId);
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
