import type { Precision } from '../../core/measurement.js';
import { addCausalAttention, type AttentionHeads, type CausalAttention } from './causal-attention.js';
import { createGraphBuilder, type Dimension, type GraphBuilder } from './graph-builder.js';
import { createLinearMaps, type LinearMaps } from './linear-maps.js';

/** What one compiled attention half-block supports; the sizes of a run are symbolic, the head counts are fixed. */
export interface AttentionVariant extends CausalAttention {
  readonly precision: Precision;
  readonly rmsNormEpsilon: number;
  readonly queryKeyValueBias: boolean;
  /** Also true if a compensation adds one. */
  readonly outputBias: boolean;
  readonly queryKeyNorms: boolean;
  /**
   * `residual`: the block's hidden states after attention; `context`: the input of o; `products`: those of q, k and v,
   * before biases, which the backward pass can take (float32 only).
   */
  readonly outputs: 'residual' | 'context' | 'residual-and-context' | 'residual-and-products';
}

/**
 * The attention half of a decoder block: RMSNorm, q/k/v, optional norms of each query and key head, rotary embedding
 * (half layout, as in transformers), causal grouped-query attention (within a sliding window if there is one), o,
 * residual.
 *
 * Inputs: `hidden` [batch, length, hidden]; `norm` [hidden]; `query`, `key`, `value` [heads * head_dim, hidden] as
 * checkpoints store them; `output` transposed, [heads * head_dim, hidden], so that both kinds shrink to a prefix of
 * rows; `cos`, `sin` [positions, head_dim / 2]; with biases `query_bias`, `key_bias`, `value_bias`, `output_bias`; with
 * norms `query_norm`, `key_norm` [head_dim]. Outputs, as asked for: `residual` [batch, length, hidden], `context` [batch,
 * length, heads * head_dim], `query_product`, `key_product`, `value_product` [batch, length, heads * head_dim]. In 8 bits
 * the matrices are those of `createLinearMaps`.
 */
export function buildAttentionGraph(variant: AttentionVariant): Uint8Array {
  const { queryHeads, kvHeads, headDim } = variant;
  const graph = createGraphBuilder('attention');
  const hidden = graph.input('hidden', ['batch', 'length', 'hidden']);
  const maps = createLinearMaps(graph, variant.precision);
  const widths = { query: queryHeads * headDim, key: kvHeads * headDim, value: kvHeads * headDim };
  const heads = addHeads(graph, { hidden, positions: graph.integers([0]), maps }, widths, variant);

  const context = addCausalAttention(graph, heads, variant);
  if (variant.outputs === 'context' || variant.outputs === 'residual-and-context')
    graph.output('context', context, ['batch', 'length', queryHeads * headDim]);
  if (variant.outputs === 'context') return graph.encode();
  const product = maps.finish(
    maps
      .operand(context)
      .times({ name: 'output', inner: queryHeads * headDim, columns: 'hidden', layout: 'inner-first' }),
  );
  const mapped = variant.outputBias ? graph.node('Add', [product, graph.input('output_bias', ['hidden'])]) : product;
  graph.output('residual', graph.node('Add', [hidden, mapped]), ['batch', 'length', 'hidden']);
  return graph.encode();
}

/** What the heads of one compiled attention half-block are made by; how many there are is symbolic. */
export type HeadsVariant = Pick<
  AttentionVariant,
  'precision' | 'rmsNormEpsilon' | 'headDim' | 'queryKeyValueBias' | 'queryKeyNorms'
>;

/**
 * The first part of that half-block, for tokens at any positions: its inputs but those of o, `hidden` [tokens, 1,
 * hidden], and `positions` int64 [tokens, 1]; outputs `queries`, `keys` and `values` [tokens, 1, heads * head_dim],
 * ready for attention. (To ONNX Runtime each token is a sequence: one sequence may not be longer than `cos`.)
 */
export function buildHeadsGraph(variant: HeadsVariant): Uint8Array {
  const graph = createGraphBuilder('heads');
  const hidden = graph.input('hidden', ['tokens', 1, 'hidden']);
  const positions = graph.input('positions', ['tokens', 1], 'int64');
  const widths = { query: 'query_width', key: 'key_width', value: 'key_width' };
  const heads = addHeads(
    graph,
    { hidden, positions, maps: createLinearMaps(graph, variant.precision) },
    widths,
    variant,
  );
  graph.output('queries', heads.query, ['tokens', 1, widths.query]);
  graph.output('keys', heads.key, ['tokens', 1, widths.key]);
  graph.output('values', heads.value, ['tokens', 1, widths.value]);
  return graph.encode();
}

/** @param widths of all heads together */
function addHeads(
  graph: GraphBuilder,
  {
    hidden,
    positions,
    maps,
  }: {
    readonly hidden: string;
    /** int64, [1] that of the first token, or [batch, length]. */
    readonly positions: string;
    readonly maps: LinearMaps;
  },
  widths: Readonly<Record<keyof AttentionHeads, Dimension>>,
  variant: HeadsVariant & Partial<Pick<AttentionVariant, 'outputs'>>,
): AttentionHeads {
  const normed = maps.operand(addRmsNorm(graph, hidden, graph.input('norm', ['hidden']), variant.rmsNormEpsilon));
  const cos = graph.input('cos', ['positions', 'half_head']);
  const sin = graph.input('sin', ['positions', 'half_head']);

  const project = (name: keyof AttentionHeads): string => {
    const width = widths[name];
    const product = maps.finish(normed.times({ name, inner: 'hidden', columns: width, layout: 'columns-first' }));
    if (variant.outputs === 'residual-and-products')
      graph.output(`${name}_product`, product, ['batch', 'length', width]);
    return variant.queryKeyValueBias ? graph.node('Add', [product, graph.input(`${name}_bias`, [width])]) : product;
  };
  const rotate = (name: 'query' | 'key'): string => {
    const projected = project(name);
    const ready = variant.queryKeyNorms
      ? addHeadNorm(graph, projected, variant, graph.input(`${name}_norm`, [variant.headDim]))
      : projected;
    return graph.node('RotaryEmbedding', [ready, positions, cos, sin], { domain: 'com.microsoft' });
  };
  return { query: rotate('query'), key: rotate('key'), value: project('value') };
}

/**
 * RMSNorm ("Root Mean Square Layer Normalization", arXiv 1910.07467) over the last axis: x / sqrt(mean x^2 + epsilon) *
 * scale.
 */
export function addRmsNorm(graph: GraphBuilder, values: string, scale: string, epsilon: number): string {
  return graph.node('SimplifiedLayerNormalization', [values, scale], { attributes: { axis: -1n, epsilon } });
}

/** The same, over each head of [batch, length, heads * head_dim] separately. */
export function addHeadNorm(
  graph: GraphBuilder,
  values: string,
  variant: Pick<AttentionVariant, 'headDim' | 'rmsNormEpsilon'>,
  scale: string,
): string {
  const apart = graph.node('Reshape', [values, graph.integers([0, 0, -1, variant.headDim])]);
  const normed = addRmsNorm(graph, apart, scale, variant.rmsNormEpsilon);
  return graph.node('Reshape', [normed, graph.node('Shape', [values])]);
}
