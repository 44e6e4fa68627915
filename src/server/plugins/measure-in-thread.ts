import type { EvaluatedArchitecture, EvaluationSubject, Evaluator } from '../../core/ports/evaluator.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { decodeError, encodeError } from '../../engine/workers/message-errors.js';
import { createOpenCall } from '../../engine/workers/open-call.js';
import { startTaskThread, type TaskThread } from '../../engine/workers/task-thread.js';
import type { EvaluatorMessage, EvaluatorTask, LossesMessage } from './evaluator-messages.js';

/**
 * The same evaluator, but each measurement runs in a thread of its own. The model's losses are computed in the main
 * thread and sent to it. The thread is ended with the measurement, whatever it is doing: an evaluator that never
 * returns costs only its caller's job.
 */
export function measureInThread(evaluator: Evaluator, moduleUrl: URL): Evaluator {
  return {
    ...evaluator,
    measure: async function* measure(subject, architectures, plan, work, options) {
      const address = addressPlugin(evaluator, moduleUrl);
      const task: EvaluatorTask = { address, options, shape: subject.shape, architectures, plan };
      const ending = new AbortController(); // ends the computing of losses that the thread still reads
      const call = createOpenCall(work.report);
      const thread = startTaskThread<EvaluatorMessage, LossesMessage>(
        new URL('./evaluator-worker.js', import.meta.url),
        task,
        work.signal,
        {
          hear: (message) => {
            switch (message.kind) {
              case 'losses':
              case 'leave':
                return answerLosses(message);
              case 'progress':
                return work.report?.(message.progress);
              case 'result':
                return call.receive({ kind: 'item', id: 0, item: message.result });
              case 'measured':
                return call.receive({ kind: 'result', id: 0, result: undefined, heldBytes: 0 });
              case 'failed':
                return call.fail(decodeError(message.error));
            }
          },
          failed: (cause) => call.fail(pluginFailed({ ...address, method: 'measure' }, cause)),
          aborted: () => call.fail(work.signal.reason),
        },
      );
      const answerLosses = createLossesAnswer(thread, subject, AbortSignal.any([work.signal, ending.signal]));
      try {
        for (;;) {
          const event = await call.next();
          if (event.kind === 'result') return;
          yield event.value as EvaluatedArchitecture;
        }
      } finally {
        ending.abort();
        await thread.end();
      }
    },
  };
}

/** Sends the thread the losses that it asks for, until it leaves or the signal fires. */
function createLossesAnswer(
  thread: TaskThread<LossesMessage>,
  subject: EvaluationSubject,
  signal: AbortSignal,
): (message: Extract<EvaluatorMessage, { kind: 'losses' | 'leave' }>) => void {
  const left = new Map<number, AbortController>();
  const answer = async (
    { id, architectures, windows, precision }: Extract<EvaluatorMessage, { kind: 'losses' }>,
    leaving: AbortController,
  ): Promise<void> => {
    const work: WorkContext = {
      signal: AbortSignal.any([signal, leaving.signal]),
      report: (progress) => thread.post({ kind: 'progress', id, progress }),
    };
    try {
      for await (const item of subject.losses(architectures, windows, work, precision))
        thread.post({ kind: 'item', id, item });
      thread.post({ kind: 'end', id });
    } catch (error) {
      thread.post({ kind: 'error', id, error: encodeError(error) });
    }
    left.delete(id);
  };
  return (message) => {
    if (message.kind === 'leave') return left.get(message.id)?.abort();
    const leaving = new AbortController();
    left.set(message.id, leaving);
    void answer(message, leaving);
  };
}
