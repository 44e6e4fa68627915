import { createGraphBuilder } from './graph-builder.js';
import type { GraphValue, SessionPool } from './session-pool.js';

/** B [rows, rank] and A [rank, columns], whose product is added to a matrix [rows, columns]. */
export interface LowRankFactors {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
}

/** The products that training of low-rank factors needs. */
export interface LowRankProducts {
  /** From G, the gradient of the matrix: that of A, B^T G, and that of B, G A^T. */
  gradients(
    factors: LowRankFactors,
    ofMatrix: Float32Array,
  ): Promise<{ readonly a: Float32Array; readonly b: Float32Array }>;
  /** base + B A, into `merged`. */
  merge(factors: LowRankFactors, base: Float32Array, merged: Float32Array): Promise<void>;
}

export function createLowRankProducts(sessions: SessionPool): LowRankProducts {
  return {
    gradients: async (factors, ofMatrix) => {
      const { a, b, matrix } = describe(factors);
      const found = { a: new Float32Array(factors.a.length), b: new Float32Array(factors.b.length) };
      await sessions.run(
        'low-rank-gradients',
        buildGradients,
        { a, b, gradient: { ...matrix, values: ofMatrix } },
        { a_gradient: { ...a, values: found.a }, b_gradient: { ...b, values: found.b } },
      );
      return found;
    },
    merge: (factors, base, merged) => {
      const { a, b, matrix } = describe(factors);
      return sessions.run(
        'low-rank-merge',
        buildMerge,
        { a, b, base: { ...matrix, values: base } },
        { merged: { ...matrix, values: merged } },
      );
    },
  };
}

function describe({ a, b, rank }: LowRankFactors): Record<'a' | 'b', GraphValue> & {
  readonly matrix: Pick<GraphValue, 'dimensions'>;
} {
  const [rows, columns] = [b.length / rank, a.length / rank];
  return {
    a: { values: a, dimensions: [rank, columns] },
    b: { values: b, dimensions: [rows, rank] },
    matrix: { dimensions: [rows, columns] },
  };
}

function buildGradients(): Uint8Array {
  const graph = createGraphBuilder('low_rank_gradients');
  const a = graph.input('a', ['rank', 'columns']);
  const b = graph.input('b', ['rows', 'rank']);
  const gradient = graph.input('gradient', ['rows', 'columns']);
  graph.output('a_gradient', graph.node('Gemm', [b, gradient], { attributes: { transA: 1n } }), ['rank', 'columns']);
  graph.output('b_gradient', graph.node('Gemm', [gradient, a], { attributes: { transB: 1n } }), ['rows', 'rank']);
  return graph.encode();
}

function buildMerge(): Uint8Array {
  const graph = createGraphBuilder('low_rank_merge');
  const a = graph.input('a', ['rank', 'columns']);
  const b = graph.input('b', ['rows', 'rank']);
  const base = graph.input('base', ['rows', 'columns']);
  graph.output('merged', graph.node('Add', [base, graph.node('MatMul', [b, a])]), ['rows', 'columns']);
  return graph.encode();
}
