import { parentPort, workerData } from 'node:worker_threads';
import type { PrunedModel } from '../../core/ports/exporter.js';
import { decodeError, encodeError } from '../../engine/workers/message-errors.js';
import { throttleProgress } from '../../engine/workers/throttle-progress.js';
import { loadPlugin } from '../../plugin-host/import-plugins.js';
import type { ExportMessage, ExportQuestion, ExportReply, ExportTask } from './export-messages.js';

/*
 * The thread of one output: the exporter writes in it, and asks the main thread for parts of the pruned model. An
 * exporter that never returns can be ended here, and does not block the server's event loop.
 */

const port = parentPort;
if (port === null) throw new Error('this module runs in a worker thread only');
const send = (message: ExportMessage): void => port.postMessage(message, []);
const cancelled = new AbortController();
const asked = new Map<number, { readonly resolve: (value: never) => void; readonly reject: (error: Error) => void }>();
let nextId = 0;
const report = throttleProgress((progress) => send({ kind: 'progress', progress }));

port.on('message', (reply: ExportReply) => {
  if (reply.kind === 'cancel') return cancelled.abort();
  const question = asked.get(reply.id);
  asked.delete(reply.id);
  if (reply.kind === 'answer') question?.resolve(reply.value as never);
  else question?.reject(decodeError(reply.error));
});
await run(workerData as ExportTask);
port.close();

async function run({ address, options, directory, model, tensors }: ExportTask): Promise<void> {
  try {
    const exporter = await loadPlugin(address);
    const pruned: PrunedModel = {
      ...model,
      readSource: (file) => ask({ kind: 'source', file }),
      listCompanions: () => ask({ kind: 'companions' }),
      tensors: tensors.map((tensor, index) => ({
        ...tensor,
        read: (rows, memory) =>
          ask({
            kind: 'tensor',
            index,
            rows,
            memory: memory?.buffer instanceof SharedArrayBuffer ? memory : undefined,
          }),
      })),
    };
    send({
      kind: 'written',
      summary: await exporter.write(pruned, directory, { signal: cancelled.signal, report }, options),
    });
  } catch (error) {
    send({ kind: 'failed', error: encodeError(error) });
  }
}

function ask<Value>(question: ExportQuestion): Promise<Value> {
  const id = nextId++;
  return new Promise((resolve, reject) => {
    asked.set(id, { resolve, reject });
    send({ kind: 'question', id, question });
  });
}
