import type { FfnVariant } from './ffn-graph.js';
import { createGraphBuilder } from './graph-builder.js';
import {
  addRmsNormParts,
  addRmsNormVjp,
  addTransposedMatMul,
  outputMatrixGradient,
  type GradientOutputs,
  type ProductSource,
} from './vjp-parts.js';

/**
 * The vector-Jacobian product of the graph of `buildFfnGraph`: from dLoss/dresidual to dLoss/dhidden and the gradients
 * of gate, up and down. The forward values are computed again from `hidden`, and from the products if they are given.
 *
 * Inputs: `upstream` [batch, length, hidden], and those of `buildFfnGraph` except `down_bias`, which does not affect
 * any gradient; if given, `gate_product` and `up_product` [batch, length, channels], as that graph outputs them. Outputs: `downstream` [batch, length, hidden]; for each of `gate`, `up`, `down` (transposed, like the
 * input) `<name>_sum` and, if asked for, `<name>_squares` [channels, hidden]: the sum over the sequences of their
 * gradients, and of the squares of these.
 */
export function buildFfnVjpGraph({
  rmsNormEpsilon,
  inputBias,
  outputs,
  products,
}: Pick<FfnVariant, 'rmsNormEpsilon' | 'inputBias'> & {
  readonly outputs: GradientOutputs;
  readonly products: ProductSource;
}): Uint8Array {
  const graph = createGraphBuilder('ffn_vjp');
  const states = ['batch', 'length', 'hidden'];
  const hidden = graph.input('hidden', states);
  const upstream = graph.input('upstream', states);
  const scale = graph.input('norm', ['hidden']);
  const norm = addRmsNormParts(graph, hidden, scale, rmsNormEpsilon);
  const gate = graph.input('gate', ['channels', 'hidden']);
  const up = graph.input('up', ['channels', 'hidden']);
  const down = graph.input('down', ['channels', 'hidden']);
  const project = (name: 'gate' | 'up', matrix: string): string => {
    const product =
      products === 'given'
        ? graph.input(`${name}_product`, ['batch', 'length', 'channels'])
        : addTransposedMatMul(graph, norm.normed, matrix);
    return inputBias ? graph.node('Add', [product, graph.input(`${name}_bias`, ['channels'])]) : product;
  };
  const gated = project('gate', gate);
  const lifted = project('up', up);
  const sigmoid = graph.node('Sigmoid', [gated]);
  const silu = graph.node('Mul', [gated, sigmoid]);

  const channels = graph.node('Mul', [silu, lifted]);
  outputMatrixGradient(graph, 'down', { rows: channels, columns: upstream, outputs });
  const toChannels = addTransposedMatMul(graph, upstream, down);
  const toLifted = graph.node('Mul', [toChannels, silu]);
  // d silu(a) / da = sigmoid(a) + silu(a) (1 - sigmoid(a))
  const slope = graph.node('Add', [
    sigmoid,
    graph.node('Mul', [silu, graph.node('Sub', [graph.floats([1]), sigmoid])]),
  ]);
  const toGated = graph.node('Mul', [graph.node('Mul', [toChannels, lifted]), slope]);
  outputMatrixGradient(graph, 'gate', { rows: toGated, columns: norm.normed, outputs });
  outputMatrixGradient(graph, 'up', { rows: toLifted, columns: norm.normed, outputs });

  const toNormed = graph.node('Add', [graph.node('MatMul', [toGated, gate]), graph.node('MatMul', [toLifted, up])]);
  graph.output('downstream', graph.node('Add', [upstream, addRmsNormVjp(graph, norm, scale, toNormed)]), states);
  return graph.encode();
}
