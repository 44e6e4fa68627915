import type { LayerArchitecture } from '../../../core/model/shape.js';
import type { GraphBuilder } from '../../../engine/graph/graph-builder.js';
import { cast } from './cast.js';
import { BATCH, PAST, type TokenInputs, TOTAL } from './token-inputs.js';
import type { FloatType } from './matrix-type.js';

export interface AttentionLayer extends Pick<LayerArchitecture, 'kvHeads' | 'queryHeadsPerKv'> {
  /** Its number, in the names of its cache. */
  readonly layer: number;
  readonly headDim: number;
  readonly slidingWindow: number | undefined;
  /** Of the cache, and of the products of queries, keys and values. */
  readonly type: FloatType;
  /** RMSNorm over each head; undefined: none. */
  readonly queryNorm?: ((heads: string) => string) | undefined;
  readonly keyNorm?: ((heads: string) => string) | undefined;
}

/** The least number, which no score reaches: a row without any token becomes even, where -Infinity makes it NaN. */
const UNSEEN = -3.402_823_466_385_288_6e38;

/**
 * Grouped-query attention with a cache: rotary embedding of queries and keys (half layout, as in transformers),
 * softmax(q k^T / sqrt(head_dim) + mask) v.
 *
 * Adds the inputs `past_key_values.N.key` and `.value` [batch, kv_heads, past, head_dim], and hands over the outputs
 * `present.N.key` and `.value` with the new tokens behind.
 *
 * @param projected products of q, k and v, [tokens, heads * head_dim]
 * @returns the input of o, [tokens, query_heads * head_dim]
 */
export function addAttention(
  graph: GraphBuilder,
  projected: Readonly<Record<'query' | 'key' | 'value', string>>,
  tokens: TokenInputs,
  { layer, kvHeads, queryHeadsPerKv, headDim, slidingWindow, type, queryNorm, keyNorm }: AttentionLayer,
  present: GraphBuilder['output'],
): string {
  const turn = (values: string, order: readonly number[]): string =>
    graph.node('Transpose', [values], { attributes: { perm: order.map(BigInt) } });
  const reshape = (values: string, sizes: readonly number[]): string =>
    graph.node('Reshape', [values, graph.integers(sizes)]);
  const join = (parts: readonly string[], axis: number): string =>
    graph.node('Concat', parts, { attributes: { axis: BigInt(axis) } });
  // [batch, length, heads, head_dim]
  const split = (values: string, heads: number): string =>
    graph.node('Reshape', [values, join([tokens.size, graph.integers([heads, headDim])], 0)]);
  const remember = (values: string, name: 'key' | 'value'): string => {
    const added = cast(graph, turn(values, [0, 2, 1, 3]), 'float32', type);
    const past = graph.input(`past_key_values.${layer}.${name}`, [BATCH, kvHeads, PAST, headDim], type);
    const all = join([past, added], 2);
    present(`present.${layer}.${name}`, all, [BATCH, kvHeads, TOTAL, headDim], type);
    return all;
  };

  const queries = split(projected.query, kvHeads * queryHeadsPerKv);
  const rotated = addRotary(graph, queryNorm?.(queries) ?? queries, tokens, headDim);
  const scaled = graph.node('Mul', [rotated, graph.floats([1 / Math.sqrt(headDim)])]);
  // The queries of one group are rows of one product: [batch, kv_heads, heads per group * length, head_dim]
  const grouped = reshape(turn(reshape(scaled, [0, 0, kvHeads, queryHeadsPerKv, headDim]), [0, 2, 3, 1, 4]), [
    0,
    kvHeads,
    -1,
    headDim,
  ]);
  const ownKeys = split(projected.key, kvHeads);
  const keys = remember(addRotary(graph, keyNorm?.(ownKeys) ?? ownKeys, tokens, headDim), 'key');
  const values = remember(split(projected.value, kvHeads), 'value');

  const scores = graph.node('MatMul', [cast(graph, grouped, 'float32', type), turn(keys, [0, 1, 3, 2])]);
  const apart = graph.node('Reshape', [
    scores,
    join([graph.integers([0, kvHeads, queryHeadsPerKv, -1]), tokens.total], 0),
  ]);
  const seen = graph.node('Where', [
    tokens.mask(slidingWindow),
    cast(graph, apart, type, 'float32'),
    graph.floats([UNSEEN]),
  ]);
  const shares = graph.node('Softmax', [seen], { attributes: { axis: -1n } });
  const rows = graph.node('Reshape', [cast(graph, shares, 'float32', type), graph.node('Shape', [scores])]);
  const context = reshape(graph.node('MatMul', [rows, values]), [0, kvHeads, queryHeadsPerKv, -1, headDim]);
  return reshape(cast(graph, turn(context, [0, 3, 1, 2, 4]), type, 'float32'), [
    -1,
    kvHeads * queryHeadsPerKv * headDim,
  ]);
}

/** Turns the pairs (i, i + head_dim / 2) of each head, [batch, length, heads, head_dim]. */
function addRotary(graph: GraphBuilder, heads: string, { cos, sin }: TokenInputs, headDim: number): string {
  const half = (from: number, to: number): string =>
    graph.node('Slice', [heads, graph.integers([from]), graph.integers([to]), graph.integers([3])]);
  const [first, second] = [half(0, headDim / 2), half(headDim / 2, headDim)];
  const mul = (values: string, by: string): string => graph.node('Mul', [values, by]);
  return graph.node(
    'Concat',
    [graph.node('Sub', [mul(first, cos), mul(second, sin)]), graph.node('Add', [mul(second, cos), mul(first, sin)])],
    { attributes: { axis: 3n } },
  );
}
