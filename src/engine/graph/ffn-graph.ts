import type { Precision } from '../../core/measurement.js';
import { addRmsNorm } from './attention-graph.js';
import { createGraphBuilder } from './graph-builder.js';
import { createLinearMaps, type Product } from './linear-maps.js';

/** What one compiled FFN half-block supports; all sizes are symbolic. */
export interface FfnVariant {
  readonly precision: Precision;
  readonly rmsNormEpsilon: number;
  readonly inputBias: boolean;
  /** Also true if a compensation adds one. */
  readonly outputBias: boolean;
  /**
   * `residual`: the block's hidden states after the FFN; `channels`: the input of down; `products`: those of gate and up,
   * before biases, which the backward pass can take (float32 only).
   */
  readonly outputs: 'residual' | 'channels' | 'residual-and-channels' | 'residual-and-products';
}

/**
 * The FFN half of a decoder block: RMSNorm, down(SiLU(gate) * up) ("GLU Variants Improve Transformer", arXiv
 * 2002.05202), residual.
 *
 * Inputs: `hidden` [batch, length, hidden]; `norm` [hidden]; `gate`, `up` [channels, hidden] as checkpoints store them;
 * `down` transposed, [channels, hidden], so that keeping k channels is the first k rows of each; with biases
 * `gate_bias`, `up_bias` [channels], `down_bias` [hidden]. Outputs: `residual` [batch, length, hidden] and, if asked
 * for, `channels`, or `gate_product` and `up_product` [batch, length, channels]. In 8 bits the matrices are those of
 * `createLinearMaps`.
 */
export function buildFfnGraph(variant: FfnVariant): Uint8Array {
  const graph = createGraphBuilder('ffn');
  const hidden = graph.input('hidden', ['batch', 'length', 'hidden']);
  const maps = createLinearMaps(graph, variant.precision);
  const normed = maps.operand(addRmsNorm(graph, hidden, graph.input('norm', ['hidden']), variant.rmsNormEpsilon));
  const project = (name: 'gate' | 'up'): Product => {
    const product = normed.times({ name, inner: 'hidden', columns: 'channels', layout: 'columns-first' });
    if (variant.outputs === 'residual-and-products')
      graph.output(`${name}_product`, product.unscaled, ['batch', 'length', 'channels']);
    if (!variant.inputBias) return product;
    return {
      unscaled: graph.node('Add', [maps.finish(product), graph.input(`${name}_bias`, ['channels'])]),
      rowScales: undefined,
    };
  };
  // QuickGelu with alpha 1 is x * sigmoid(x), SiLU, in one pass over the values.
  const gated = graph.node('QuickGelu', [maps.finish(project('gate'))], {
    domain: 'com.microsoft',
    attributes: { alpha: 1 },
  });
  const { unscaled: up, rowScales } = project('up');
  const channels = { unscaled: graph.node('Mul', [gated, up]), rowScales };
  if (variant.outputs === 'channels' || variant.outputs === 'residual-and-channels')
    graph.output('channels', maps.finish(channels), ['batch', 'length', 'channels']);
  if (variant.outputs === 'channels') return graph.encode();
  const product = maps.finish(
    maps
      .operand(channels, 'rotated')
      .times({ name: 'down', inner: 'channels', columns: 'hidden', layout: 'inner-first' }),
  );
  const mapped = variant.outputBias ? graph.node('Add', [product, graph.input('down_bias', ['hidden'])]) : product;
  graph.output('residual', graph.node('Add', [hidden, mapped]), ['batch', 'length', 'hidden']);
  return graph.encode();
}
