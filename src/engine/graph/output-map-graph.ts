import { createGraphBuilder } from './graph-builder.js';

/** What one compiled output map supports; all sizes are symbolic. */
export interface OutputMapVariant {
  readonly bias: boolean;
}

/**
 * The end of a half-block whose inputs of o or down are known, in float32.
 *
 * Inputs: `hidden` [batch, length, hidden], the states before the half-block; `inputs` [batch, length, width]; `map`
 * [width, hidden]; with a bias `bias` [hidden]. Output: `residual` [batch, length, hidden], as the graph of the whole
 * half-block gives it.
 */
export function buildOutputMapGraph({ bias }: OutputMapVariant): Uint8Array {
  const graph = createGraphBuilder('output_map');
  const states = ['batch', 'length', 'hidden'];
  const hidden = graph.input('hidden', states);
  const inputs = graph.input('inputs', ['batch', 'length', 'width']);
  const product = graph.node('MatMul', [inputs, graph.input('map', ['width', 'hidden'])]);
  const mapped = bias ? graph.node('Add', [product, graph.input('bias', ['hidden'])]) : product;
  graph.output('residual', graph.node('Add', [hidden, mapped]), states);
  return graph.encode();
}
