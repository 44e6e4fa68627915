import { parentPort, workerData } from 'node:worker_threads';
import { encodeError } from '../../engine/workers/message-errors.js';
import { loadPlugin } from '../../plugin-host/import-plugins.js';
import type { EvaluatorMessage, EvaluatorTask } from './evaluator-messages.js';

/* The thread in which an evaluator reduces one observation. The main thread ends it when its caller leaves. */

const port = parentPort;
if (port === null) throw new Error('this module runs in a worker thread only');
port.postMessage(await reduce(workerData as EvaluatorTask), []);
port.close();

async function reduce({ address, options, observed, plan }: EvaluatorTask): Promise<EvaluatorMessage> {
  const work = { signal: new AbortController().signal }; // a cancel ends the thread
  try {
    const evaluator = await loadPlugin(address);
    return { kind: 'reduced', evaluation: await evaluator.reduce(observed, plan, options, work) };
  } catch (error) {
    return { kind: 'failed', error: encodeError(error) };
  }
}
