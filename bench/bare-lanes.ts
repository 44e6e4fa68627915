import { once } from 'node:events';
import type { ModelShape } from '../src/core/model/shape.js';
import { startWorker } from '../src/onnx-runtime/start-worker.js';
import type { BareMatmuls } from './bare-matmuls.js';

/** The products of a pass in several threads at the same time, each with an equal part of the tokens. */
export async function prepareBareLanes(shape: ModelShape, lanes: number): Promise<BareMatmuls> {
  const workers = await Promise.all(
    Array.from({ length: lanes }, async () => {
      const worker = startWorker(new URL('./bare-lane-worker.js', import.meta.url), { workerData: shape });
      await once(worker, 'message');
      return worker;
    }),
  );
  return {
    measure: async (tokens) => {
      const started = performance.now();
      await Promise.all(
        workers.map(async (worker) => {
          worker.postMessage(tokens / lanes, []);
          await once(worker, 'message');
        }),
      );
      return performance.now() - started;
    },
    close: async () => void (await Promise.all(workers.map((worker) => worker.terminate()))),
  };
}
