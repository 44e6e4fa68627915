import { orAborted } from '../../core/or-aborted.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { decodeError } from '../../engine/workers/message-errors.js';
import { startTaskThread } from '../../engine/workers/task-thread.js';
import type { FitAnswer, FitProgress, FitTask } from './fit-messages.js';

/** What a fit gives back. */
type Fitted = Extract<FitAnswer, { kind: 'fitted' }>;

/** Chooses, judges and fits in threads of their own. */
export interface FitThreads {
  /**
   * The thread, and the threads and processes of the backends, end with a failure or when the signal fires. After an
   * answer the thread waits for the next fit for a while, with the threads of built-in backends: starting them, with
   * code that is not yet compiled, takes several times as long as a fit of the pairs of a small search.
   *
   * @throws PrunecastError PREDICTOR_FAILED, PAIRS_TOO_FEW if every backend needs more, those of plug-ins, or the
   * signal's reason
   */
  fit(task: FitTask, work: WorkContext): Promise<Fitted>;
  /** Ends the thread that waits. */
  close(): Promise<void>;
}

/** How long a thread waits for the next fit. A search of a small model comes to its next one in seconds. */
const WAIT_MS = 30_000;

/** At most one thread waits: each fits with as many threads as there are processors. */
export function createFitThreads(): FitThreads {
  let waiting: { readonly thread: FitThread; readonly timer: NodeJS.Timeout } | undefined;
  let isClosed = false;
  const takeWaiting = (): FitThread | undefined => {
    const taken = waiting;
    waiting = undefined;
    clearTimeout(taken?.timer);
    return taken?.thread.hasEnded() === false ? taken.thread : undefined;
  };
  const close = async (): Promise<void> => takeWaiting()?.close();
  return {
    fit: async (task, work) => {
      work.signal.throwIfAborted();
      const thread = takeWaiting() ?? startFitThread();
      try {
        const fitted = await thread.fit(task, work);
        if (isClosed || waiting !== undefined) void thread.close();
        else waiting = { thread, timer: setTimeout(() => void close(), WAIT_MS).unref() };
        return fitted;
      } catch (error) {
        void thread.close();
        throw error;
      }
    },
    close: () => {
      isClosed = true;
      return close();
    },
  };
}

/** Fits one task after the other. */
interface FitThread {
  /** Rejects with the signal's reason as soon as it fires; the thread still works then. */
  fit(task: FitTask, work: WorkContext): Promise<Fitted>;
  hasEnded(): boolean;
  close(): Promise<void>;
}

function startFitThread(): FitThread {
  let caller: { hear(message: FitAnswer | FitProgress): void; fail(error: unknown): void } | undefined;
  let isOver = false;
  const { signal: never } = new AbortController();
  const thread = startTaskThread<FitAnswer | FitProgress, FitTask>(
    new URL('./fit-worker.js', import.meta.url),
    {},
    never,
    {
      hear: (message) => caller?.hear(message),
      failed: (cause) => {
        isOver = true;
        const words = cause instanceof Error ? cause.message : String(cause);
        caller?.fail(new PrunecastError('PREDICTOR_FAILED', `the thread of the fit failed: ${words}`, { cause }));
      },
      aborted: () => undefined,
    },
  );
  return {
    fit: (task, { signal, report }) =>
      orAborted(
        new Promise<Fitted>((resolve, reject) => {
          caller = {
            hear: (heard) => {
              if (heard.kind === 'fitted') resolve(heard);
              else if (heard.kind === 'failed') reject(decodeError(heard.error));
              else report?.({ activity: 'fitting', what: 'fits', done: heard.done, total: heard.total });
            },
            fail: reject,
          };
          thread.post(task);
        }),
        signal,
      ),
    hasEnded: () => isOver,
    close: () => thread.close(),
  };
}
