import inspector from 'node:inspector';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import { workerUrl } from '../../engine/workers/worker-url.js';
import type { LoadingWatch } from './loading-watch-worker.js';

/** How long after its limit a module that has not given the thread back ends the process. */
const LATE_MS = 1_000;

/**
 * Watches from a thread of its own that the process is not lost in a module that loops while it is loaded: no timer and
 * no signal of this thread would end it. Past the limit it writes `message` to standard error and ends the process.
 * Returns what ends the watch. Nothing is watched under a debugger, which may rightly hold a module for long.
 */
export function watchLoading(limitMs: number, message: string): () => void {
  if (inspector.url() !== undefined) return () => undefined;
  const workerData: LoadingWatch = { limitMs: limitMs + LATE_MS, message };
  const worker = startWorker(workerUrl(new URL('./loading-watch-worker.js', import.meta.url)), { workerData });
  worker.on('error', () => undefined);
  worker.unref();
  return () => void worker.terminate();
}
