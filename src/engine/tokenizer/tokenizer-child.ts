import { startWorker } from '../../onnx-runtime/start-worker.js';
import { encodeError } from '../workers/message-errors.js';
import { workerUrl } from '../workers/worker-url.js';
import { tokenizerMemoryExceeded, tokenizerTimeout } from './tokenizer-failures.js';
import type { TokenizerAnswer, TokenizerProgress, TokenizerTask } from './tokenizer-process.js';

/*
 * The process behind `Tokenizer.encode`. The work is done in a thread of this process, so that its main thread can
 * watch the limits and notice the end of the parent at any time.
 */

const LOOK_EVERY_MS = 100;

process.once('message', (task: TokenizerTask) => {
  const { memoryBytes, processorMs, textBytes } = task;
  const worker = startWorker(workerUrl(new URL('./tokenizer-worker.js', import.meta.url)), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memoryBytes / 2 ** 20) },
  });
  worker.on('message', answer);
  worker.once('error', (error: NodeJS.ErrnoException) =>
    fail(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tokenizerMemoryExceeded(textBytes, memoryBytes) : error),
  );
  setInterval(() => {
    const { user, system } = process.cpuUsage();
    if ((user + system) / 1000 > processorMs) fail(tokenizerTimeout(textBytes, processorMs));
  }, LOOK_EVERY_MS);
});

function answer(message: TokenizerAnswer | TokenizerProgress): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  answer({ failure: encodeError(error) });
}

// The parent ends this process; if it is gone, nobody waits for the answer. A signal to the whole group is for the
// parent to handle.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
