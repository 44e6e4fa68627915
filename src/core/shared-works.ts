import { orAborted } from './or-aborted.js';

/** Works that are done once for all who ask for the same, and kept. */
export interface SharedWorks<Result> {
  /**
   * The result of the work under this key: one that is kept or under way, or else a new one. The signal ends the
   * waiting of one caller; the work's own signal fires when no caller waits for it any more. A work that failed or was
   * left is not kept.
   */
  run(key: string, work: (signal: AbortSignal) => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

interface Shared<Result> {
  readonly result: Promise<Result>;
  readonly controller: AbortController;
  waiting: number;
  isReady: boolean;
  /** Of the result, once it is ready. */
  bytes: number;
}

/**
 * @param most how many are kept: the oldest go first; all by default
 * @param bytes how large the kept results may be together; one that is larger by itself is not kept
 */
export function createSharedWorks<Result>(
  most = Number.POSITIVE_INFINITY,
  bytes: { readonly most: number; readonly of: (result: Result) => number } = {
    most: Number.POSITIVE_INFINITY,
    of: () => 0,
  },
): SharedWorks<Result> {
  const works = new Map<string, Shared<Result>>();
  const forget = (key: string, shared: Shared<Result>): void => {
    if (works.get(key) === shared) works.delete(key);
  };
  const sumBytes = (): number => [...works.values()].reduce((sum, shared) => sum + shared.bytes, 0);
  const begin = (key: string, work: (signal: AbortSignal) => Promise<Result>): Shared<Result> => {
    const controller = new AbortController();
    const shared: Shared<Result> = {
      result: work(controller.signal),
      controller,
      waiting: 0,
      isReady: false,
      bytes: 0,
    };
    works.set(key, shared);
    const settle = async (): Promise<void> => {
      shared.bytes = bytes.of(await shared.result);
      shared.isReady = true;
      if (shared.bytes > bytes.most) forget(key, shared);
      for (const [oldest, { isReady }] of works) {
        if (sumBytes() <= bytes.most) break;
        if (isReady) works.delete(oldest);
      }
    };
    settle().catch(() => forget(key, shared));
    const [oldest] = works.keys();
    if (works.size > most && oldest !== undefined) works.delete(oldest);
    return shared;
  };
  return {
    run: async (key, work, signal) => {
      signal.throwIfAborted();
      const shared = works.get(key) ?? begin(key, work);
      shared.waiting += 1;
      try {
        return await orAborted(shared.result, signal);
      } finally {
        shared.waiting -= 1;
        if (shared.waiting === 0 && !shared.isReady) {
          forget(key, shared);
          shared.controller.abort(signal.reason);
        }
      }
    },
  };
}
