import { addRmsNorm } from './attention-graph.js';
import type { GraphBuilder } from './graph-builder.js';

/** a b^T over the last two axes. */
export function addTransposedMatMul(graph: GraphBuilder, a: string, b: string): string {
  return graph.node('FusedMatMul', [a, b], { domain: 'com.microsoft', attributes: { transB: 1n } });
}

/** What is wanted of the gradients of a batch's sequences: their sum, or the sum of the squares of each too. */
export type GradientOutputs = 'sums' | 'sums-and-squares';

/** Whether a half-block's products with its input maps are kept from the forward pass, or computed again. */
export type ProductSource = 'given' | 'computed';

/**
 * The gradient rows^T columns of one matrix over all sequences of the batch, as output `<name>_sum` [rows, columns]; and
 * if asked for `<name>_squares`, the sum of each sequence's squares, for which each has a gradient of its own.
 *
 * @param rows [batch, length, rows]
 * @param columns [batch, length, columns]
 */
export function outputMatrixGradient(
  graph: GraphBuilder,
  name: string,
  { rows, columns, outputs }: { readonly rows: string; readonly columns: string; readonly outputs: GradientOutputs },
): void {
  const dimensions = [`${name}_rows`, `${name}_columns`];
  const multiply = (a: string, b: string): string =>
    graph.node('FusedMatMul', [a, b], { domain: 'com.microsoft', attributes: { transA: 1n } });
  if (outputs === 'sums') {
    const flatten = (values: string): string => graph.node('Flatten', [values], { attributes: { axis: 2n } });
    graph.output(`${name}_sum`, multiply(flatten(rows), flatten(columns)), dimensions);
    return;
  }
  const perSequence = multiply(rows, columns);
  const overSequences = graph.integers([0]);
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

/** An RMSNorm with what its gradient needs. */
export interface RmsNormParts {
  /** x / sqrt(mean x^2 + epsilon) * scale, as `addRmsNorm` returns it. */
  readonly normed: string;
  /** Without the scale. */
  readonly unit: string;
  /** 1 / sqrt(mean x^2 + epsilon), the last axis kept with size 1. */
  readonly inverse: string;
}

/** RMSNorm over the last axis, as the forward pass computes it, and its parts in standard operators. */
export function addRmsNormParts(graph: GraphBuilder, values: string, scale: string, epsilon: number): RmsNormParts {
  const meanSquare = graph.node('ReduceMean', [graph.node('Mul', [values, values]), graph.integers([-1])]);
  const inverse = graph.node('Reciprocal', [
    graph.node('Sqrt', [graph.node('Add', [meanSquare, graph.floats([epsilon])])]),
  ]);
  const unit = graph.node('Mul', [values, inverse]);
  return { normed: addRmsNorm(graph, values, scale, epsilon), unit, inverse };
}

/**
 * dLoss/dx of an RMSNorm from dLoss/dnormed: with d = scale * dnormed and x^ = unit, inverse * (d - x^ * mean(d x^)).
 */
export function addRmsNormVjp(
  graph: GraphBuilder,
  { unit, inverse }: RmsNormParts,
  scale: string,
  upstream: string,
): string {
  const scaled = graph.node('Mul', [upstream, scale]);
  const along = graph.node('ReduceMean', [graph.node('Mul', [scaled, unit]), graph.integers([-1])]);
  return graph.node('Mul', [graph.node('Sub', [scaled, graph.node('Mul', [unit, along])]), inverse]);
}
