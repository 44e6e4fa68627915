import type { ModelShape } from '../../../core/model/shape.js';

/** What runs the graph. Versions of transformers.js before 4.2 give all layers a cache of one width. */
export function listLoaders({ layers }: Pick<ModelShape, 'layers'>): readonly string[] {
  const isUniform = layers.every(({ kvHeads }) => kvHeads > 0 && kvHeads === layers[0]?.kvHeads);
  return ['ONNX Runtime', isUniform ? 'transformers.js' : 'transformers.js 4.2 or later'];
}
