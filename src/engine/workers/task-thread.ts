import type { Transferable } from 'node:worker_threads';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import { closeGently } from './close-gently.js';
import { workerUrl } from './worker-url.js';

/** A thread that works on one task and ends with it. */
export interface TaskThread<Reply> {
  /** @param transfer what is handed over instead of copied */
  post(reply: Reply, transfer?: readonly Transferable[]): void;
  /** Ends the thread, whatever it is doing, and the threads it has started; resolves when it has ended. */
  end(): Promise<void>;
  /**
   * Lets the thread end what it has started, and then itself, on a message CLOSE; if that takes too long, ends it as
   * `end` does. For a thread that starts processes: the system keeps a dead one until the thread that started it has
   * heard of its end.
   */
  close(): Promise<void>;
}

/** What a thread hears when it is to end by itself. */
export const CLOSE = 'close';

export interface TaskThreadEvents<Message> {
  readonly hear: (message: Message) => void;
  /** The thread has ended by itself; the cause is an error, or words. */
  readonly failed: (cause: unknown) => void;
  /** The signal has fired. The thread still runs. */
  readonly aborted: () => void;
}

/**
 * Starts a thread for one task. The caller must `end` it.
 *
 * @param module the compiled entry of the thread; `workerData` there is the task
 * @throws the signal's reason if it has fired
 */
export function startTaskThread<Message, Reply = never>(
  module: URL,
  task: object,
  signal: AbortSignal,
  { hear, failed, aborted }: TaskThreadEvents<Message>,
): TaskThread<Reply> {
  signal.throwIfAborted();
  const worker = startWorker(workerUrl(module), { workerData: task });
  worker.on('message', hear);
  worker.once('error', failed);
  worker.once('exit', (code) => failed(`its thread ended by itself with code ${code}`));
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  signal.addEventListener('abort', aborted, { once: true });
  const end = async (): Promise<void> => {
    signal.removeEventListener('abort', aborted);
    await worker.terminate();
  };
  return {
    post: (reply, transfer = []) => worker.postMessage(reply, transfer),
    end,
    close: async () => {
      await closeGently(() => worker.postMessage(CLOSE, []), exited, end);
      await end();
    },
  };
}
