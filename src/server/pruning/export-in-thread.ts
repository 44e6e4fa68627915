import type { Worker } from 'node:worker_threads';
import type { Exporter, ExportSummary, PrunedModel } from '../../core/ports/exporter.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { decodeError, encodeError } from '../../engine/workers/message-errors.js';
import { workerUrl } from '../../engine/workers/worker-url.js';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import type { ExportMessage, ExportQuestion, ExportReply, ExportTask } from './export-messages.js';

/** An exporter with its options, and the module that its thread loads it from. */
export interface ExportModule {
  readonly exporter: Exporter;
  readonly moduleUrl: URL;
  /** Complete. */
  readonly options: unknown;
}

/** How long an exporter may take to stop after a cancel before it is ended. */
const CANCEL_GRACE_MS = 1000;

/**
 * Has an exporter write a pruned model in a thread of its own, which has ended when this settles. The model is read
 * here, when the exporter asks for a part of it.
 *
 * @throws PrunecastError PLUGIN_FAILED, PLUGIN_INVALID, what the exporter itself throws, or the signal's reason; or an
 * error of the file system about the output
 */
export async function exportInThread(
  { exporter, moduleUrl, options }: ExportModule,
  pruned: PrunedModel,
  directory: string,
  { signal, report }: WorkContext,
): Promise<ExportSummary> {
  signal.throwIfAborted();
  const { readSource: _readSource, listCompanions: _listCompanions, tensors, ...model } = pruned;
  const task: ExportTask = {
    address: addressPlugin(exporter, moduleUrl),
    options,
    directory,
    model,
    tensors: tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
  };
  const worker = startWorker(workerUrl(new URL('./export-worker.js', import.meta.url)), { workerData: task });
  const ending = new AbortController(); // takes the listeners off the caller's signal
  try {
    const message = await new Promise<Extract<ExportMessage, { kind: 'written' | 'failed' }>>((resolve, reject) => {
      worker.on('message', (sent: ExportMessage) => {
        if (sent.kind === 'question') void answer(worker, pruned, sent);
        else if (sent.kind === 'progress') report?.(sent.progress);
        else resolve(sent);
      });
      worker.once('error', (cause) =>
        reject(pluginFailed({ kind: 'exporter', id: exporter.id, method: 'write' }, cause)),
      );
      worker.once('exit', (code) =>
        reject(
          pluginFailed(
            { kind: 'exporter', id: exporter.id, method: 'write' },
            `its thread ended with code ${code} before the output was written`,
          ),
        ),
      );
      signal.addEventListener(
        'abort',
        () => {
          worker.postMessage({ kind: 'cancel' } satisfies ExportReply, []);
          setTimeout(() => reject(signal.reason as Error), CANCEL_GRACE_MS).unref();
        },
        { once: true, signal: ending.signal },
      );
    });
    signal.throwIfAborted();
    if (message.kind === 'failed') throw decodeError(message.error);
    return message.summary;
  } finally {
    ending.abort();
    await worker.terminate();
  }
}

async function answer(
  worker: Worker,
  pruned: PrunedModel,
  { id, question }: Extract<ExportMessage, { kind: 'question' }>,
): Promise<void> {
  try {
    const value = await read(pruned, question);
    // Bytes that no other view shares are transferred without a copy.
    const owned =
      value instanceof Uint8Array && value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength
        ? [value.buffer]
        : [];
    worker.postMessage({ kind: 'answer', id, value } satisfies ExportReply, owned);
  } catch (error) {
    worker.postMessage({ kind: 'error', id, error: encodeError(error) } satisfies ExportReply, []);
  }
}

function read(pruned: PrunedModel, question: ExportQuestion): Promise<unknown> {
  switch (question.kind) {
    case 'tensor':
      return (
        pruned.tensors[question.index]?.read() ??
        Promise.reject(new RangeError(`the pruned model has no tensor ${question.index}`))
      );
    case 'source':
      return pruned.readSource(question.file);
    case 'companions':
      return pruned.listCompanions();
  }
}
