import { createGraphBuilder } from './graph-builder.js';

/**
 * What a dropped half-block leaves behind if a compensation gives it a bias.
 *
 * Inputs: `hidden` [batch, length, hidden]; `bias` [hidden]. Output: `residual`, their sum.
 */
export function buildBiasGraph(): Uint8Array {
  const graph = createGraphBuilder('bias');
  const hidden = graph.input('hidden', ['batch', 'length', 'hidden']);
  graph.output('residual', graph.node('Add', [hidden, graph.input('bias', ['hidden'])]), ['batch', 'length', 'hidden']);
  return graph.encode();
}
