import type { ModelShape } from '../../../core/model/shape.js';
import type { MatrixType } from './matrix-type.js';

/**
 * What runs the graph. Versions of transformers.js before 4.2 give all layers a cache of one width; those before 4 have an
 * ONNX Runtime before 1.22, which has no products of 8-bit matrices.
 */
export function listLoaders({ layers }: Pick<ModelShape, 'layers'>, type: MatrixType): readonly string[] {
  const isUniform = layers.every(({ kvHeads }) => kvHeads > 0 && kvHeads === layers[0]?.kvHeads);
  const isQuantised = type === 'int8';
  return [
    isQuantised ? 'ONNX Runtime 1.22 or later' : 'ONNX Runtime',
    isUniform ? (isQuantised ? 'transformers.js 4 or later' : 'transformers.js') : 'transformers.js 4.2 or later',
  ];
}
