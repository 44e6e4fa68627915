import { createGraphBuilder } from './graph-builder.js';

/** C = A^T B in float32. Inputs: `a` [inner, rows], `b` [inner, columns]. Output: `c` [rows, columns]. */
export function buildTransposedProductGraph(): Uint8Array {
  const graph = createGraphBuilder('transposed_product');
  const a = graph.input('a', ['inner', 'rows']);
  const b = graph.input('b', ['inner', 'columns']);
  graph.output('c', graph.node('Gemm', [a, b], { attributes: { transA: 1n } }), ['rows', 'columns']);
  return graph.encode();
}
