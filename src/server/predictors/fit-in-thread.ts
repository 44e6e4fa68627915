import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { decodeError } from '../../engine/workers/message-errors.js';
import { workerUrl } from '../../engine/workers/worker-url.js';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import type { FitAnswer, FitTask } from './fit-messages.js';

/**
 * Chooses, judges and fits in a thread of its own. The thread, and the threads of the backends, end with the answer,
 * with a failure, or when the signal fires.
 *
 * @throws PrunecastError PREDICTOR_FAILED, PAIRS_TOO_FEW if every backend needs more, those of plug-ins, or the
 * signal's reason
 */
export async function fitInThread(task: FitTask, signal: AbortSignal): Promise<Extract<FitAnswer, { kind: 'fitted' }>> {
  signal.throwIfAborted();
  const worker = startWorker(workerUrl(new URL('./fit-worker.js', import.meta.url)), { workerData: task });
  let onAbort: (() => void) | undefined;
  try {
    const answer = await new Promise<FitAnswer>((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      worker.once('message', resolve);
      worker.once('error', (cause) =>
        reject(
          new PrunecastError(
            'PREDICTOR_FAILED',
            `the thread of the fit failed: ${cause instanceof Error ? cause.message : String(cause)}`,
            { cause },
          ),
        ),
      );
      worker.once('exit', (code) =>
        reject(new PrunecastError('PREDICTOR_FAILED', `the thread of the fit ended by itself with code ${code}`)),
      );
    });
    if (answer.kind === 'failed') throw decodeError(answer.error);
    return answer;
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    void worker.terminate();
  }
}
