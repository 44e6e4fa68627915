import type { AttentionVariant } from './attention-graph.js';
import { addMaskedSoftmax } from './causal-attention.js';
import { createGraphBuilder, type GraphBuilder } from './graph-builder.js';
import {
  addRmsNormParts,
  addRmsNormVjp,
  addTransposedMatMul,
  outputMatrixGradient,
  type GradientOutputs,
  type ProductSource,
} from './vjp-parts.js';

export type AttentionVjpVariant = Pick<
  AttentionVariant,
  'queryHeads' | 'kvHeads' | 'headDim' | 'rmsNormEpsilon' | 'queryKeyValueBias' | 'queryKeyNorms' | 'slidingWindow'
> & { readonly outputs: GradientOutputs; readonly products: ProductSource };

/**
 * The vector-Jacobian product of the graph of `buildAttentionGraph`: from dLoss/dresidual to dLoss/dhidden and the
 * gradients of q, k, v and o. The forward values are computed again from `hidden`, and from the products if they are
 * given; all softmax weights, [batch, heads, length, length], are in memory at once.
 *
 * Inputs: `upstream` [batch, length, hidden], and those of `buildAttentionGraph` except `output_bias`; if given,
 * `query_product`, `key_product` and `value_product` [batch, length, heads * head_dim], as that graph outputs them.
 * Outputs: `downstream` [batch, length, hidden]; for each of `query`, `key`, `value`, `output`
 * (transposed, like the input) `<name>_sum` and, if asked for, `<name>_squares` [heads * head_dim, hidden]: the sum over
 * the sequences of their gradients, and of the squares of these.
 */
export function buildAttentionVjpGraph(variant: AttentionVjpVariant): Uint8Array {
  const { queryHeads, kvHeads, headDim } = variant;
  const graph = createGraphBuilder('attention_vjp');
  const states = ['batch', 'length', 'hidden'];
  const hidden = graph.input('hidden', states);
  const upstream = graph.input('upstream', states);
  const scale = graph.input('norm', ['hidden']);
  const norm = addRmsNormParts(graph, hidden, scale, variant.rmsNormEpsilon);
  const cos = graph.input('cos', ['positions', 'half_head']);
  const sin = graph.input('sin', ['positions', 'half_head']);

  const projected = (name: 'query' | 'key' | 'value', heads: number): Projection =>
    addProjection(graph, norm.normed, name, heads, variant);
  const rotated = (name: 'query' | 'key', heads: number): Projection =>
    addRotation(graph, addNormedHeads(graph, projected(name, heads), name, heads, variant), cos, sin);
  const query = rotated('query', queryHeads);
  const key = rotated('key', kvHeads);
  const value = projected('value', kvHeads);

  // [batch, kv_heads, heads per group, length, head_dim]; keys and values have one "head per group", which broadcasts.
  const perGroup = queryHeads / kvHeads;
  const split = (values: string, inGroup: number): string =>
    graph.node('Transpose', [graph.node('Reshape', [values, graph.integers([0, 0, kvHeads, inGroup, headDim])])], {
      attributes: { perm: [0n, 2n, 3n, 1n, 4n] },
    });
  const join = (values: string, heads: number): string =>
    graph.node('Reshape', [
      graph.node('Transpose', [values], { attributes: { perm: [0n, 3n, 1n, 2n, 4n] } }),
      graph.integers([0, 0, heads * headDim]),
    ]);
  const flip = (values: string): string =>
    graph.node('Transpose', [values], { attributes: { perm: [0n, 1n, 2n, 4n, 3n] } });
  const overGroup = (values: string): string => graph.node('ReduceSum', [values, graph.integers([2])]);
  const [queries, keys, values] = [split(query.values, perGroup), split(key.values, 1), split(value.values, 1)];
  const scaling = graph.floats([1 / Math.sqrt(headDim)]);
  const weights = addMaskedSoftmax(
    graph,
    graph.node('Mul', [graph.node('MatMul', [queries, flip(keys)]), scaling]),
    variant.slidingWindow,
  );
  const context = join(graph.node('MatMul', [weights, values]), queryHeads);

  outputMatrixGradient(graph, 'output', { rows: context, columns: upstream, outputs: variant.outputs });
  const toContext = split(
    addTransposedMatMul(graph, upstream, graph.input('output', [queryHeads * headDim, 'hidden'])),
    perGroup,
  );
  const toValues = overGroup(graph.node('MatMul', [flip(weights), toContext]));
  const toWeights = graph.node('MatMul', [toContext, flip(values)]);
  const along = graph.node('ReduceSum', [graph.node('Mul', [toWeights, weights]), graph.integers([-1])]);
  const toScores = graph.node('Mul', [graph.node('Mul', [weights, graph.node('Sub', [toWeights, along])]), scaling]);
  const toQueries = graph.node('MatMul', [toScores, keys]);
  const toKeys = overGroup(graph.node('MatMul', [flip(toScores), queries]));

  const toNormed = [
    query.back(join(toQueries, queryHeads)),
    key.back(join(toKeys, kvHeads)),
    value.back(join(toValues, kvHeads)),
  ].reduce((sum, part) => graph.node('Add', [sum, part]));
  graph.output('downstream', graph.node('Add', [upstream, addRmsNormVjp(graph, norm, scale, toNormed)]), states);
  return graph.encode();
}

/**
 * A value and its backward pass: from dLoss/dvalues to dLoss/dnormed; on its way it outputs the gradient of the matrix.
 */
interface Projection {
  /** [batch, length, heads * head_dim] */
  readonly values: string;
  back(upstream: string): string;
}

function addProjection(
  graph: GraphBuilder,
  normed: string,
  name: 'query' | 'key' | 'value',
  heads: number,
  { headDim, queryKeyValueBias, outputs, products }: AttentionVjpVariant,
): Projection {
  const width = heads * headDim;
  const matrix = graph.input(name, [width, 'hidden']);
  const product =
    products === 'given'
      ? graph.input(`${name}_product`, ['batch', 'length', width])
      : addTransposedMatMul(graph, normed, matrix);
  return {
    values: queryKeyValueBias ? graph.node('Add', [product, graph.input(`${name}_bias`, [width])]) : product,
    back: (upstream) => {
      outputMatrixGradient(graph, name, { rows: upstream, columns: normed, outputs });
      return graph.node('MatMul', [upstream, matrix]);
    },
  };
}

function addNormedHeads(
  graph: GraphBuilder,
  projection: Projection,
  name: 'query' | 'key',
  heads: number,
  { headDim, queryKeyNorms, rmsNormEpsilon }: AttentionVjpVariant,
): Projection {
  if (!queryKeyNorms) return projection;
  const apart = (values: string): string => graph.node('Reshape', [values, graph.integers([0, 0, heads, headDim])]);
  const together = (values: string): string => graph.node('Reshape', [values, graph.integers([0, 0, heads * headDim])]);
  const scale = graph.input(`${name}_norm`, [headDim]);
  const norm = addRmsNormParts(graph, apart(projection.values), scale, rmsNormEpsilon);
  return {
    values: together(norm.normed),
    back: (upstream) => projection.back(together(addRmsNormVjp(graph, norm, scale, apart(upstream)))),
  };
}

/** A rotation's transpose is the rotation by the opposite angle. */
function addRotation(graph: GraphBuilder, projection: Projection, cos: string, sin: string): Projection {
  const rotate = (values: string, sines: string): string =>
    graph.node('RotaryEmbedding', [values, graph.integers([0]), cos, sines], { domain: 'com.microsoft' });
  return {
    values: rotate(projection.values, sin),
    back: (upstream) => projection.back(rotate(upstream, graph.node('Neg', [sin]))),
  };
}
