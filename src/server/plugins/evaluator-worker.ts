import { parentPort, workerData } from 'node:worker_threads';
import type { ArchitectureLosses, EvaluationSubject } from '../../core/ports/evaluator.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { encodeError } from '../../engine/workers/message-errors.js';
import { createOpenCall, type OpenCall } from '../../engine/workers/open-call.js';
import { loadPlugin } from '../../plugin-host/import-plugins.js';
import type { EvaluatorMessage, EvaluatorTask, LossesMessage } from './evaluator-messages.js';

/*
 * The thread of one measurement: the evaluator runs in it and asks the main thread for the model's losses. The main
 * thread ends it when its caller leaves.
 */

const port = parentPort;
if (port === null) throw new Error('this module runs in a worker thread only');
const send = (message: EvaluatorMessage): void => port.postMessage(message, []);
const reading = new Map<number, OpenCall>();
let nextId = 0;

port.on('message', (message: LossesMessage) => {
  const call = reading.get(message.id);
  if (message.kind === 'end') call?.receive({ kind: 'result', id: message.id, result: undefined, heldBytes: 0 });
  else if (message.kind === 'error') call?.receive({ ...message, heldBytes: 0 });
  else call?.receive(message);
});
await run(workerData as EvaluatorTask);
port.close();

async function run({ address, options, shape, architectures, plan }: EvaluatorTask): Promise<void> {
  const work: WorkContext = {
    signal: new AbortController().signal, // a cancel ends the thread
    report: (progress) => send({ kind: 'progress', progress }),
  };
  try {
    const evaluator = await loadPlugin(address);
    for await (const result of evaluator.measure({ shape, losses }, architectures, plan, work, options))
      send({ kind: 'result', result });
    send({ kind: 'measured' });
  } catch (error) {
    send({ kind: 'failed', error: encodeError(error) });
  }
}

async function* losses(
  ...[architectures, windows, work, precision]: Parameters<EvaluationSubject['losses']>
): AsyncGenerator<ArchitectureLosses> {
  const id = nextId++;
  const call = createOpenCall(work.report);
  reading.set(id, call);
  send({ kind: 'losses', id, architectures, windows, precision });
  try {
    for (;;) {
      const event = await call.next();
      if (event.kind === 'result') return;
      yield event.value as ArchitectureLosses;
    }
  } finally {
    reading.delete(id);
    send({ kind: 'leave', id });
  }
}
