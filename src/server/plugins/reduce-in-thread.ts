import type { Evaluation } from '../../core/metric.js';
import type { Evaluator } from '../../core/ports/evaluator.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { decodeError } from '../../engine/workers/message-errors.js';
import { startTaskThread, type TaskThread } from '../../engine/workers/task-thread.js';
import type { EvaluatorMessage, EvaluatorTask } from './evaluator-messages.js';

/**
 * The same evaluator, but each `reduce` runs in a thread of its own, which ends with it, whatever it is doing: an
 * evaluator that never returns costs only its caller's job.
 */
export function reduceInThread(evaluator: Evaluator, moduleUrl: URL): Evaluator {
  return {
    ...evaluator,
    reduce: async (observed, plan, options, { signal }) => {
      const address = addressPlugin(evaluator, moduleUrl);
      const task: EvaluatorTask = { address, options, observed, plan };
      let thread: TaskThread<never> | undefined;
      try {
        return await new Promise<Evaluation>((resolve, reject) => {
          thread = startTaskThread<EvaluatorMessage>(new URL('./evaluator-worker.js', import.meta.url), task, signal, {
            hear: (message) =>
              message.kind === 'reduced' ? resolve(message.evaluation) : reject(decodeError(message.error)),
            failed: (cause) => reject(pluginFailed({ ...address, method: 'reduce' }, cause)),
            aborted: () => reject(signal.reason as Error),
          });
        });
      } finally {
        await thread?.end();
      }
    },
  };
}
