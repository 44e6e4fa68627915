import type { Evaluation } from '../../core/metric.js';
import type { Evaluator } from '../../core/ports/evaluator.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { decodeError } from '../../engine/workers/message-errors.js';
import { startTaskThread, type TaskThread } from '../../engine/workers/task-thread.js';
import type { EvaluatorMessage, EvaluatorReply, EvaluatorTask } from './evaluator-messages.js';

/** How long an evaluator may take to end what it has started after a cancel before it is ended itself. */
const CANCEL_GRACE_MS = 1000;

/**
 * The same evaluator, but each `reduce` runs in a thread of its own, which ends with it, whatever it is doing: an
 * evaluator that never returns costs only its caller's job.
 */
export function reduceInThread(evaluator: Evaluator, moduleUrl: URL): Evaluator {
  return {
    ...evaluator,
    reduce: async (observed, plan, options, { signal, report }) => {
      const address = addressPlugin(evaluator, moduleUrl);
      const task: EvaluatorTask = { address, options, observed, plan };
      let thread: TaskThread<EvaluatorReply> | undefined;
      try {
        const evaluation = await new Promise<Evaluation>((resolve, reject) => {
          const started = startTaskThread<EvaluatorMessage, EvaluatorReply>(
            new URL('./evaluator-worker.js', import.meta.url),
            task,
            signal,
            {
              hear: (message) => {
                if (message.kind === 'progress') report?.({ activity: `running ${evaluator.id}`, ...message.progress });
                else if (message.kind === 'reduced') resolve(message.evaluation);
                else reject(signal.aborted ? (signal.reason as Error) : decodeError(message.error));
              },
              failed: (cause) => reject(pluginFailed({ ...address, method: 'reduce' }, cause)),
              aborted: () => {
                started.post({ kind: 'cancel' });
                setTimeout(() => reject(signal.reason as Error), CANCEL_GRACE_MS).unref();
              },
            },
          );
          thread = started;
        });
        signal.throwIfAborted();
        return evaluation;
      } finally {
        await thread?.end();
      }
    },
  };
}
