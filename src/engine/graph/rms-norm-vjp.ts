import type { GraphBuilder } from './graph-builder.js';

/** An RMSNorm with what its gradient needs. */
export interface RmsNormParts {
  /** x / sqrt(mean x^2 + epsilon) * scale, what `addRmsNorm` gives. */
  readonly normed: string;
  /** Without the scale. */
  readonly unit: string;
  /** 1 / sqrt(mean x^2 + epsilon), the last axis kept with size 1. */
  readonly inverse: string;
}

/** RMSNorm over the last axis in plain operators. */
export function addRmsNormParts(graph: GraphBuilder, values: string, scale: string, epsilon: number): RmsNormParts {
  const meanSquare = graph.node('ReduceMean', [graph.node('Mul', [values, values]), graph.integers([-1])]);
  const inverse = graph.node('Reciprocal', [
    graph.node('Sqrt', [graph.node('Add', [meanSquare, graph.floats([epsilon])])]),
  ]);
  const unit = graph.node('Mul', [values, inverse]);
  return { normed: graph.node('Mul', [unit, scale]), unit, inverse };
}

/** dLoss/dx of an RMSNorm from dLoss/dnormed: with d = scale * dnormed and x^ = unit, inverse * (d - x^ * mean(d x^)). */
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
