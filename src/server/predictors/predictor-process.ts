import { startWorker } from '../../onnx-runtime/start-worker.js';
import { type LineMessage, type PredictorTask, servePredictor } from './serve-predictor.js';

/*
 * The process of one predictor whose native code cannot be ended in a thread. It ends with the process that started it:
 * a thread sees the end of standard input even while the main thread is busy.
 */

startWorker(new URL('./end-with-parent.js', import.meta.url), {});
process.once('message', (task: PredictorTask) => {
  servePredictor(
    { onRequest: (listener) => process.on('message', listener), answer: (message) => process.send?.(message) },
    task,
    (line) => process.send?.({ kind: 'line', line } satisfies LineMessage),
  );
});
