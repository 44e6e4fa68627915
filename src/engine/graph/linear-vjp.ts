import type { GraphBuilder } from './graph-builder.js';

/** a b^T over the last two axes. */
export function addTransposedMatMul(graph: GraphBuilder, a: string, b: string): string {
  return graph.node('FusedMatMul', [a, b], { domain: 'com.microsoft', attributes: { transB: 1n } });
}

/**
 * The gradient rows^T columns of one matrix for each sequence of the batch, as two outputs: `<name>_sum`, the sum over the
 * sequences, and `<name>_squares`, the sum of each sequence's squares, [rows, columns] both.
 *
 * @param rows [batch, length, rows]
 * @param columns [batch, length, columns]
 */
export function outputMatrixGradient(graph: GraphBuilder, name: string, rows: string, columns: string): void {
  const perSequence = graph.node('FusedMatMul', [rows, columns], {
    domain: 'com.microsoft',
    attributes: { transA: 1n },
  });
  const overSequences = graph.integers([0]);
  const dimensions = [`${name}_rows`, `${name}_columns`];
  graph.output(
    `${name}_sum`,
    graph.node('ReduceSum', [perSequence, overSequences], { attributes: { keepdims: 0n } }),
    dimensions,
  );
  graph.output(
    `${name}_squares`,
    graph.node('ReduceSumSquare', [perSequence, overSequences], { attributes: { keepdims: 0n } }),
    dimensions,
  );
}
