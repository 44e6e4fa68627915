import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { decodeError } from '../../engine/workers/message-errors.js';
import { startTaskThread, type TaskThread } from '../../engine/workers/task-thread.js';
import type { FitAnswer, FitProgress, FitTask } from './fit-messages.js';

/**
 * Chooses, judges and fits in a thread of its own. The thread, and the threads and processes of the backends, end with
 * the answer, with a failure, or when the signal fires.
 *
 * @throws PrunecastError PREDICTOR_FAILED, PAIRS_TOO_FEW if every backend needs more, those of plug-ins, or the
 * signal's reason
 */
export async function fitInThread(
  task: FitTask,
  { signal, report }: WorkContext,
): Promise<Extract<FitAnswer, { kind: 'fitted' }>> {
  let thread: TaskThread<never> | undefined;
  try {
    const answer = await new Promise<FitAnswer>((resolve, reject) => {
      thread = startTaskThread<FitAnswer | FitProgress>(new URL('./fit-worker.js', import.meta.url), task, signal, {
        hear: (heard) => {
          if (heard.kind !== 'progress') resolve(heard);
          else report?.({ activity: 'fitting', what: 'fits', done: heard.done, total: heard.total });
        },
        failed: (cause) =>
          reject(
            new PrunecastError(
              'PREDICTOR_FAILED',
              `the thread of the fit failed: ${cause instanceof Error ? cause.message : String(cause)}`,
              { cause },
            ),
          ),
        aborted: () => reject(signal.reason),
      });
    });
    if (answer.kind === 'failed') throw decodeError(answer.error);
    return answer;
  } finally {
    void thread?.close();
  }
}
