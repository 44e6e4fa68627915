import { addRmsNorm } from './attention-graph.js';
import { createGraphBuilder } from './graph-builder.js';

/** What one compiled FFN half-block is good for; all sizes are symbolic. */
export interface FfnVariant {
  readonly rmsNormEpsilon: number;
  readonly inputBias: boolean;
  /** Also true where a compensation adds one. */
  readonly outputBias: boolean;
  /** `residual`: the block's hidden states after the FFN; `residual-and-channels`: also what goes into down. */
  readonly outputs: 'residual' | 'residual-and-channels';
}

/**
 * The FFN half of a decoder block: RMSNorm, down(SiLU(gate) * up) ("GLU Variants Improve Transformer", arXiv
 * 2002.05202), residual.
 *
 * Inputs: `hidden` [batch, length, hidden]; `norm` [hidden]; `gate`, `up` [channels, hidden] as checkpoints store them;
 * `down` transposed, [channels, hidden], so that keeping k channels is the first k rows of each; with biases
 * `gate_bias`, `up_bias` [channels], `down_bias` [hidden]. Outputs: `residual` [batch, length, hidden] and, if asked
 * for, `channels` [batch, length, channels].
 */
export function buildFfnGraph(variant: FfnVariant): Uint8Array {
  const graph = createGraphBuilder('ffn');
  const hidden = graph.input('hidden', ['batch', 'length', 'hidden']);
  const normed = addRmsNorm(graph, hidden, graph.input('norm', ['hidden']), variant.rmsNormEpsilon);
  const project = (name: 'gate' | 'up'): string => {
    const product = graph.node('FusedMatMul', [normed, graph.input(name, ['channels', 'hidden'])], { domain: 'com.microsoft', attributes: { transB: 1n } });
    return variant.inputBias ? graph.node('Add', [product, graph.input(`${name}_bias`, ['channels'])]) : product;
  };
  // QuickGelu with alpha 1 is x * sigmoid(x), SiLU, in one pass over the values.
  const gated = graph.node('QuickGelu', [project('gate')], { domain: 'com.microsoft', attributes: { alpha: 1 } });
  const channels = graph.node('Mul', [gated, project('up')]);
  const product = graph.node('MatMul', [channels, graph.input('down', ['channels', 'hidden'])]);
  const mapped = variant.outputBias ? graph.node('Add', [product, graph.input('down_bias', ['hidden'])]) : product;
  graph.output('residual', graph.node('Add', [hidden, mapped]), ['batch', 'length', 'hidden']);
  if (variant.outputs === 'residual-and-channels') graph.output('channels', channels, ['batch', 'length', 'channels']);
  return graph.encode();
}
