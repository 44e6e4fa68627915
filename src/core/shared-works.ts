import { orAborted } from './or-aborted.js';

/** What a work, or one who waits for it, sees: what ends it, and who is told how far it is. */
interface Attended<Report> {
  readonly signal: AbortSignal;
  readonly report?: (progress: Report) => void;
}

/** Works that are done once for all who ask for the same, and kept. */
export interface SharedWorks<Result, Report> {
  /**
   * The result of the work under this key: one that is kept or under way, or else a new one. The caller's signal ends
   * its waiting; the work's own signal fires when no caller waits for it any more. What the work reports goes to all
   * who wait. A work that failed or was left is not kept.
   */
  run(
    key: string,
    work: (work: Required<Attended<Report>>) => Promise<Result>,
    caller: Attended<Report>,
  ): Promise<Result>;
}

interface Shared<Result, Report> {
  readonly result: Promise<Result>;
  readonly controller: AbortController;
  readonly reports: {
    readonly listeners: Set<(progress: Report) => void>;
    /** undefined before the first. */
    newest: Report | undefined;
  };
  waiting: number;
  isReady: boolean;
  /** Of the result, once it is ready. */
  bytes: number;
}

/**
 * @param most how many are kept: the oldest go first; all by default
 * @param bytes how large the kept results may be together; one that is larger by itself is not kept
 */
export function createSharedWorks<Result, Report = never>(
  most = Number.POSITIVE_INFINITY,
  bytes: { readonly most: number; readonly of: (result: Result) => number } = {
    most: Number.POSITIVE_INFINITY,
    of: () => 0,
  },
): SharedWorks<Result, Report> {
  const works = new Map<string, Shared<Result, Report>>();
  const forget = (key: string, shared: Shared<Result, Report>): void => {
    if (works.get(key) === shared) works.delete(key);
  };
  const sumBytes = (): number => [...works.values()].reduce((sum, shared) => sum + shared.bytes, 0);
  const begin = (key: string, work: (work: Required<Attended<Report>>) => Promise<Result>): Shared<Result, Report> => {
    const controller = new AbortController();
    const reports: Shared<Result, Report>['reports'] = { listeners: new Set(), newest: undefined };
    const report = (progress: Report): void => {
      reports.newest = progress;
      for (const listener of reports.listeners) listener(progress);
    };
    const shared: Shared<Result, Report> = {
      result: work({ signal: controller.signal, report }),
      controller,
      reports,
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
    run: async (key, work, { signal, report = () => undefined }) => {
      signal.throwIfAborted();
      const shared = works.get(key) ?? begin(key, work);
      shared.waiting += 1;
      // One function may be given for several works.
      const listener = (progress: Report): void => report(progress);
      shared.reports.listeners.add(listener);
      if (shared.reports.newest !== undefined && !shared.isReady) report(shared.reports.newest);
      try {
        return await orAborted(shared.result, signal);
      } finally {
        shared.waiting -= 1;
        shared.reports.listeners.delete(listener);
        if (shared.waiting === 0 && !shared.isReady) {
          forget(key, shared);
          shared.controller.abort(signal.reason);
        }
      }
    },
  };
}
