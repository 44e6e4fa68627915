import { Worker, type WorkerOptions } from 'node:worker_threads';
import { keepTelemetryOff } from './telemetry.js';

/**
 * Starts a thread in which ONNX Runtime may be loaded: its telemetry can only be switched off here, before the thread
 * starts.
 */
export function startWorker(module: URL, options: Omit<WorkerOptions, 'env'>): Worker {
  keepTelemetryOff();
  return new Worker(module, options);
}
