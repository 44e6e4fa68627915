import type { Worker } from 'node:worker_threads';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import { createExitGate, holdExit, whenOutOfRun } from './exit-gate.js';

/** A thread that runs ONNX Runtime, and can be ended at any moment all the same. */
export interface GatedWorker {
  readonly worker: Worker;
  /** Resolves when the thread is gone. */
  readonly exited: Promise<void>;
  /** Ends the thread where it is, but for a run of ONNX Runtime, which is waited for; resolves when it is gone. */
  end(): Promise<void>;
}

/** Starts the thread of a module; its `workerData` are those given, and the `gate` that its runs pass. */
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
  return {
    worker,
    exited,
    end: async () => {
      await Promise.race([whenOutOfRun(gate), exited]);
      await worker.terminate();
      await exited;
    },
  };
}
