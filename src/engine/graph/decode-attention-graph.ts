import { addHeadNorm, addRmsNorm, type AttentionVariant } from './attention-graph.js';
import { createGraphBuilder } from './graph-builder.js';

export interface DecodeVariant extends Omit<AttentionVariant, 'outputs' | 'precision' | 'queryBlocks'> {
  /** Whether there are tokens before this one. */
  readonly past: 'none' | 'some';
}

/**
 * The attention half of a decoder block for one token after others whose keys and values are kept: the cost of
 * generating a token. The cache is read in place, nothing of it is copied.
 *
 * Inputs: those of `buildAttentionGraph` for one token; `position` int64 [1]; with a past
 * `past_key` and `past_value` [kv_heads, context, head_dim]. Outputs: `residual` [1, 1, hidden], and the token's own
 * `key_added` and `value_added` [kv_heads, 1, head_dim].
 */
export function buildDecodeAttentionGraph(variant: DecodeVariant): Uint8Array {
  const { queryHeads, kvHeads, headDim, past } = variant;
  const graph = createGraphBuilder('decode-attention');
  const hidden = graph.input('hidden', [1, 1, 'hidden']);
  const normed = addRmsNorm(graph, hidden, graph.input('norm', ['hidden']), variant.rmsNormEpsilon);
  const cos = graph.input('cos', ['positions', 'half_head']);
  const sin = graph.input('sin', ['positions', 'half_head']);
  const position = graph.input('position', [1], 'int64');

  const project = (name: 'query' | 'key' | 'value', heads: number): string => {
    const width = heads * headDim;
    const product = graph.node('FusedMatMul', [normed, graph.input(name, [width, 'hidden'])], {
      domain: 'com.microsoft',
      attributes: { transB: 1n },
    });
    return variant.queryKeyValueBias ? graph.node('Add', [product, graph.input(`${name}_bias`, [width])]) : product;
  };
  const rotate = (name: 'query' | 'key', heads: number): string => {
    const projected = project(name, heads);
    const ready = variant.queryKeyNorms
      ? addHeadNorm(graph, projected, variant, graph.input(`${name}_norm`, [headDim]))
      : projected;
    return graph.node('RotaryEmbedding', [ready, position, cos, sin], { domain: 'com.microsoft' });
  };
  const split = (values: string, inGroup: number): string =>
    graph.node('Reshape', [values, graph.integers([kvHeads, inGroup, headDim])]);
  const query = split(rotate('query', queryHeads), queryHeads / kvHeads);
  const key = split(rotate('key', kvHeads), 1);
  const value = split(project('value', kvHeads), 1);

  const score = (keys: string): string =>
    graph.node('FusedMatMul', [query, keys], {
      domain: 'com.microsoft',
      attributes: { transB: 1n, alpha: 1 / Math.sqrt(headDim) },
    });
  const shape = [kvHeads, 'context', headDim] as const;
  const weigh = (): string => {
    if (past === 'none')
      return graph.node('MatMul', [graph.node('Softmax', [score(key)], { attributes: { axis: -1n } }), value]);
    const scores = graph.node('Concat', [score(graph.input('past_key', shape)), score(key)], {
      attributes: { axis: -1n },
    });
    const weights = graph.node('Softmax', [scores], { attributes: { axis: -1n } });
    const part = (from: number, to: number): string =>
      graph.node('Slice', [weights, graph.integers([from]), graph.integers([to]), graph.integers([2])]);
    return graph.node('Add', [
      graph.node('MatMul', [part(0, -1), graph.input('past_value', shape)]),
      graph.node('MatMul', [part(-1, 2 ** 31), value]),
    ]);
  };
  const context = graph.node('Reshape', [weigh(), graph.integers([1, 1, queryHeads * headDim])]);
  const product = graph.node('MatMul', [context, graph.input('output', [queryHeads * headDim, 'hidden'])]);
  const mapped = variant.outputBias ? graph.node('Add', [product, graph.input('output_bias', ['hidden'])]) : product;
  graph.output('residual', graph.node('Add', [hidden, mapped]), [1, 1, 'hidden']);
  graph.output('key_added', key, [kvHeads, 1, headDim]);
  graph.output('value_added', value, [kvHeads, 1, headDim]);
  return graph.encode();
}
