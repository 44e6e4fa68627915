import { parentPort, workerData } from 'node:worker_threads';
import type { ModelShape } from '../src/core/model/shape.js';
import { prepareBareMatmuls } from './bare-matmuls.js';

/* A lane of `prepareBareLanes`: says that it is ready, then times the products of each number of tokens it is sent. */

const matmuls = await prepareBareMatmuls(workerData as ModelShape, 1);
parentPort?.on('message', (tokens: number) => {
  void matmuls.measure(tokens).then(() => parentPort?.postMessage('done', []));
});
parentPort?.postMessage('ready', []);
