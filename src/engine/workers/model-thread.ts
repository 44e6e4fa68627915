import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { startCallThread, type CallThread } from './call-thread.js';
import { startGatedWorker } from './gated-worker.js';
import type { ModelCalls, ModelThreadData } from './model-messages.js';
import { workerUrl } from './worker-url.js';

/** A model's thread, as the main thread sees it. A new one after an old one computes anew what that had in memory. */
export type ModelThread = CallThread<ModelCalls>;

/** What a thread takes by itself: its JavaScript, and ONNX Runtime's sessions. */
const THREAD_BYTES = 16 * 2 ** 20;

/** @param quiet is called when the thread has answered all calls, or is gone */
export function startModelThread(threadData: Omit<ModelThreadData, 'gate'>, quiet?: () => void): ModelThread {
  return startCallThread<ModelCalls>({
    workerBytes: THREAD_BYTES,
    ...(quiet === undefined ? {} : { quiet }),
    begin: () => startGatedWorker(workerUrl(new URL('./model-worker.js', import.meta.url)), threadData),
    failed: (cause) =>
      new PrunecastError(
        'INTERNAL',
        "the model's thread ended while it worked on this call, which a plug-in may have done; the next call gets a new one",
        { cause },
      ),
    closed: () => new PrunecastError('SERVER_STOPPING', 'the model was closed'),
  });
}
