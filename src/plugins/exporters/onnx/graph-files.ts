import type { MatrixType } from './matrix-type.js';

/** The folder in which transformers.js looks for graphs. */
export const GRAPH_FOLDER = 'onnx';

/** Names of the graph by its type, as transformers.js knows them. */
export const GRAPH_FILES: Readonly<Record<MatrixType, string>> = {
  float32: 'model.onnx',
  float16: 'model_fp16.onnx',
  int8: 'model_quantized.onnx',
};
