import { parentPort, workerData } from 'node:worker_threads';
import { encodeError } from '../../engine/workers/message-errors.js';
import { loadPlugin } from '../../plugin-host/import-plugins.js';
import type { OpenMessage, OpenTask } from './open-messages.js';

/*
 * The thread of one opened export: its exporter reads and computes in it, so that one that never returns can be ended,
 * and does not block the server's event loop. A cancel ends the thread from outside.
 */

const port = parentPort;
if (port === null) throw new Error('this module runs in a worker thread only');
port.postMessage(await run(workerData as OpenTask), []);

async function run({ address, directory, tokens }: OpenTask): Promise<OpenMessage> {
  try {
    const exporter = await loadPlugin(address);
    if (exporter.open === undefined) throw new RangeError(`the exporter "${exporter.id}" opens nothing`);
    const opened = await exporter.open(directory, { signal: new AbortController().signal });
    try {
      const { shape, architecture, storage } = opened;
      const logits = tokens === undefined ? undefined : await opened.logits(tokens);
      return { kind: 'opened', facts: { shape, architecture, storage, logits } };
    } finally {
      await opened.close();
    }
  } catch (error) {
    return { kind: 'failed', error: encodeError(error) };
  }
}
