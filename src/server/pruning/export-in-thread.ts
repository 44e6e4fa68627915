import type { ExportSummary, PrunedModel } from '../../core/ports/exporter.js';
import { pluginFailed } from '../../core/ports/plugin-errors.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { addressPlugin } from '../../engine/workers/address-plugin.js';
import { decodeError, encodeError } from '../../engine/workers/message-errors.js';
import { startTaskThread, type TaskThread } from '../../engine/workers/task-thread.js';
import type { ChosenExporter } from './output-plan.js';
import type { ExportMessage, ExportQuestion, ExportReply, ExportTask } from './export-messages.js';

/** An exporter with its options, and the module that its thread loads it from. */
export interface ExportModule extends ChosenExporter {
  readonly moduleUrl: URL;
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
  const { readSource: _readSource, listCompanions: _listCompanions, tensors, ...model } = pruned;
  const task: ExportTask = {
    address: addressPlugin(exporter, moduleUrl),
    options,
    directory,
    model,
    tensors: tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
  };
  const address = { kind: 'exporter', id: exporter.id, method: 'write' } as const;
  let thread: TaskThread<ExportReply> | undefined;
  try {
    const message = await new Promise<Extract<ExportMessage, { kind: 'written' | 'failed' }>>((resolve, reject) => {
      const started = startTaskThread<ExportMessage, ExportReply>(
        new URL('./export-worker.js', import.meta.url),
        task,
        signal,
        {
          hear: (sent) => {
            if (sent.kind === 'question') void answer(started, pruned, sent);
            else if (sent.kind === 'progress') report?.(sent.progress);
            else resolve(sent);
          },
          failed: (cause) => reject(pluginFailed(address, cause)),
          aborted: () => {
            started.post({ kind: 'cancel' });
            setTimeout(() => reject(signal.reason as Error), CANCEL_GRACE_MS).unref();
          },
        },
      );
      thread = started;
    });
    signal.throwIfAborted();
    if (message.kind === 'failed') throw decodeError(message.error);
    return message.summary;
  } finally {
    await thread?.end();
  }
}

async function answer(
  thread: TaskThread<ExportReply>,
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
    thread.post({ kind: 'answer', id, value }, owned);
  } catch (error) {
    thread.post({ kind: 'error', id, error: encodeError(error) });
  }
}

function read(pruned: PrunedModel, question: ExportQuestion): Promise<unknown> {
  switch (question.kind) {
    case 'tensor':
      return (
        pruned.tensors[question.index]?.read(question.rows, question.memory) ??
        Promise.reject(new RangeError(`the pruned model has no tensor ${question.index}`))
      );
    case 'source':
      return pruned.readSource(question.file);
    case 'companions':
      return pruned.listCompanions();
  }
}
