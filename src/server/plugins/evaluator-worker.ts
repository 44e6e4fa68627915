import { parentPort, workerData } from 'node:worker_threads';
import type { WorkContext } from '../../core/ports/work-context.js';
import { encodeError } from '../../engine/workers/message-errors.js';
import { throttleProgress } from '../../engine/workers/throttle-progress.js';
import { loadPlugin } from '../../plugin-host/import-plugins.js';
import type { EvaluatorMessage, EvaluatorTask } from './evaluator-messages.js';

/* The thread in which an evaluator reduces one observation. The main thread ends it when its caller leaves. */

const port = parentPort;
if (port === null) throw new Error('this module runs in a worker thread only');
const cancelled = new AbortController();
port.on('message', () => cancelled.abort());
const send = (message: EvaluatorMessage): void => port.postMessage(message, []);
send(await reduce(workerData as EvaluatorTask));
port.close();

async function reduce({ address, options, observed, plan }: EvaluatorTask): Promise<EvaluatorMessage> {
  const work: WorkContext = {
    signal: cancelled.signal,
    report: throttleProgress((progress) => send({ kind: 'progress', progress })),
  };
  try {
    const evaluator = await loadPlugin(address);
    return { kind: 'reduced', evaluation: await evaluator.reduce(observed, plan, options, work) };
  } catch (error) {
    return { kind: 'failed', error: encodeError(error) };
  }
}
