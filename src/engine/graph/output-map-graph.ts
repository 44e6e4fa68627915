import type { Precision } from '../../core/measurement.js';
import { createGraphBuilder } from './graph-builder.js';
import { createLinearMaps } from './linear-maps.js';

/** What one compiled output map supports; all sizes are symbolic. */
export interface OutputMapVariant {
  readonly precision: Precision;
  readonly bias: boolean;
}

/**
 * The end of a half-block whose inputs of o or, in float32, of down are known.
 *
 * Inputs: `hidden` [batch, length, hidden], the states before the half-block; `inputs` [batch, length, width]; `map`
 * [width, hidden]; with a bias `bias` [hidden]. Output: `residual` [batch, length, hidden], as the graph of the whole
 * half-block gives it.
 */
export function buildOutputMapGraph({ precision, bias }: OutputMapVariant): Uint8Array {
  const graph = createGraphBuilder('output_map');
  const states = ['batch', 'length', 'hidden'];
  const hidden = graph.input('hidden', states);
  const inputs = graph.input('inputs', ['batch', 'length', 'width']);
  const maps = createLinearMaps(graph, precision);
  const product = maps.finish(
    maps.operand(inputs).times({ name: 'map', inner: 'width', columns: 'hidden', layout: 'inner-first' }),
  );
  const mapped = bias ? graph.node('Add', [product, graph.input('bias', ['hidden'])]) : product;
  graph.output('residual', graph.node('Add', [hidden, mapped]), states);
  return graph.encode();
}
