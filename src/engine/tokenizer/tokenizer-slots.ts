import { PrunecastError } from '../../core/errors/prunecast-error.js';

/** Limits how many tasks tokenize at once, and how much memory they use together. */
export interface TokenizerSlots {
  /** Most memory of one task. */
  readonly poolBytes: number;
  /**
   * Does the work when there is room for it, in the order of the calls.
   *
   * @param bytes what it may use; at most the whole pool
   * @throws PrunecastError OVERLOADED if too many tasks wait, the signal's reason, or what `work` throws
   */
  run<Result>(bytes: number, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}

export interface TokenizerSlotsOptions {
  readonly poolBytes: number;
  /** Tasks that run at once. Default 2: each keeps a core busy. */
  readonly most?: number;
  /** Tasks that may wait; default 100. */
  readonly mostWaiting?: number;
}

interface Waiting {
  readonly bytes: number;
  readonly start: () => void;
}

const RETRY_AFTER_MS = 1000;

export function createTokenizerSlots({
  poolBytes,
  most = 2,
  mostWaiting = 100,
}: TokenizerSlotsOptions): TokenizerSlots {
  let waiting: readonly Waiting[] = [];
  let running = 0;
  let takenBytes = 0;
  /**
   * Only ever starts the first one, so that a task that needs much is not overtaken forever by tasks that need little.
   */
  const startNext = (): void => {
    for (;;) {
      const [next, ...others] = waiting;
      if (next === undefined || running >= most || takenBytes + next.bytes > poolBytes) return;
      waiting = others;
      running += 1;
      takenBytes += next.bytes;
      next.start();
    }
  };
  const take = (bytes: number, signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting = waiting.filter((entry) => entry !== self);
        reject(signal?.reason as Error);
        startNext();
      };
      const self: Waiting = {
        bytes,
        start: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      waiting = [...waiting, self];
      startNext();
    });
  return {
    poolBytes,
    async run(bytes, work, signal) {
      signal?.throwIfAborted();
      if (waiting.length >= mostWaiting) {
        throw new PrunecastError(
          'OVERLOADED',
          `${waiting.length} texts already wait to be tokenized, the most that may: try again later`,
          { retryAfterMs: RETRY_AFTER_MS },
        );
      }
      const taken = Math.min(bytes, poolBytes);
      await take(taken, signal);
      try {
        return await work();
      } finally {
        running -= 1;
        takenBytes -= taken;
        startNext();
      }
    },
  };
}
