import type { Worker } from 'node:worker_threads';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import type { CallAnswer, CallRequest } from './call-messages.js';
import type { CallWorker } from './call-thread.js';
import { closeGently } from './close-gently.js';
import { createExitGate, holdExit, whenOutOfRun } from './exit-gate.js';

/** A thread that runs ONNX Runtime and can still be ended at any moment; only the current run is waited for. */
export interface GatedWorker extends CallWorker {
  readonly worker: Worker;
  /** Resolves when the thread has ended. */
  readonly exited: Promise<void>;
}

/** Starts a thread with this module; its `workerData` are the data given, and the `gate` that its runs pass. */
export function startGatedWorker(module: URL, data: object): GatedWorker {
  const gate = createExitGate();
  const worker = startWorker(module, { workerData: { ...data, gate } });
  const releaseExit = holdExit(gate);
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      releaseExit();
      resolve();
    });
  });
  const end = async (): Promise<void> => {
    await Promise.race([whenOutOfRun(gate), exited]);
    await worker.terminate();
    await exited;
  };
  return {
    worker,
    exited,
    post: (request: CallRequest) => worker.postMessage(request, []),
    listen: (hear, gone) => {
      worker.on('message', (answer: CallAnswer) => hear(answer));
      worker.on('error', gone);
      worker.once('exit', () => gone());
    },
    close: () => closeGently(() => worker.postMessage({ kind: 'close' } satisfies CallRequest, []), exited, end),
    end,
  };
}
