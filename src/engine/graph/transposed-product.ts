import type { TransposedProduct } from '../../core/ports/compensation.js';
import { createGraphBuilder } from './graph-builder.js';
import type { SessionPool } from './session-pool.js';

/** C = A^T B by ONNX Runtime, in the precision of its inputs. */
export function createTransposedProduct(sessions: SessionPool): TransposedProduct {
  return async <Values extends Float32Array | Float64Array>(
    a: Values,
    b: Values,
    { inner, rows, columns }: Parameters<TransposedProduct>[2],
  ) => {
    const type = a instanceof Float64Array ? 'float64' : 'float32';
    const product = new ARRAYS[type](rows * columns) as Values;
    await sessions.run(
      `transposed-product:${type}`,
      () => buildTransposedProduct(type),
      { a: { values: a, dimensions: [inner, rows] }, b: { values: b, dimensions: [inner, columns] } },
      { c: { values: product, dimensions: [rows, columns] } },
    );
    return product;
  };
}

const ARRAYS = { float32: Float32Array, float64: Float64Array } as const;

/** C = A^T B. Inputs: `a` [inner, rows], `b` [inner, columns]. Output: `c` [rows, columns]. */
function buildTransposedProduct(type: 'float32' | 'float64'): Uint8Array {
  const graph = createGraphBuilder('transposed_product');
  const a = graph.input('a', ['inner', 'rows'], type);
  const b = graph.input('b', ['inner', 'columns'], type);
  graph.output('c', graph.node('Gemm', [a, b], { attributes: { transA: 1n } }), ['rows', 'columns'], type);
  return graph.encode();
}
