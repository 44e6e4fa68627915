import type { PrunedModel } from '../../../core/ports/exporter.js';
import { parseConfig } from '../../../engine/checkpoint/parse-config.js';
import type { BlockPart } from '../../../engine/families/family.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { nameBlockTensor } from '../../../engine/families/list-tensors.js';
import { createGraphBuilder, type GraphBuilder } from '../../../engine/graph/graph-builder.js';
import type { StoredTensor } from '../../../engine/graph/write-onnx.js';
import { addAttention } from './attention.js';
import { type MatrixType, productType } from './matrix-type.js';
import { addTokenInputs, BATCH, LENGTH } from './token-inputs.js';
import { createGraphWeights } from './weights.js';

/**
 * The graph of a pruned model in standard operators, products of 8-bit matrices aside, as Optimum and transformers.js
 * name its parts, with the tensors that it uses. Inputs: those of `addTokenInputs`, and the cache of each layer that has attention (`addAttention`).
 * Outputs: `logits` float32 [batch, length, vocabulary], and the cache.
 *
 * Norms, softmax and the residual stream are float32 whatever the type of the matrices.
 */
export function buildDecoderGraph(
  { shape, config, tensors }: Pick<PrunedModel, 'shape' | 'config' | 'tensors'>,
  type: MatrixType,
): { readonly graph: GraphBuilder; readonly tensors: readonly StoredTensor[] } {
  const { rope, rmsNormEpsilon, slidingWindows } = parseConfig(config);
  const family = findFamily(shape.family);
  const { names } = family;
  const graph = createGraphBuilder('decoder');
  const weights = createGraphWeights(graph, tensors, type);
  const tokens = addTokenInputs(graph, rope, shape.headDim);
  const norm = (values: string, name: string): string =>
    addRmsNorm(graph, values, weights.vector(name), rmsNormEpsilon);

  const caches: Parameters<GraphBuilder['output']>[] = [];
  let hidden = graph.node('Reshape', [
    weights.rows(`${names.embedding}.weight`, tokens.ids),
    graph.integers([-1, shape.hidden]),
  ]);
  for (const [layer, { kvHeads, queryHeadsPerKv, ffnChannels }] of shape.layers.entries()) {
    const name = (part: BlockPart, kind?: 'bias'): string => nameBlockTensor(family, layer, part, kind);
    const product = (values: string, part: BlockPart): string =>
      weights.product(values, name(part), weights.optionalVector(name(part, 'bias')));
    /** A dropped half may have left a bias. */
    const addTo = (residual: string, added: string | undefined): string =>
      added === undefined ? residual : graph.node('Add', [residual, added]);

    if (kvHeads === 0) hidden = addTo(hidden, weights.optionalVector(name('output', 'bias')));
    else {
      const normed = norm(hidden, name('attentionNorm'));
      const normHeads = (part: 'queryNorm' | 'keyNorm') =>
        shape.queryKeyNorms ? (heads: string) => norm(heads, name(part)) : undefined;
      const context = addAttention(
        graph,
        { query: product(normed, 'query'), key: product(normed, 'key'), value: product(normed, 'value') },
        tokens,
        {
          layer,
          kvHeads,
          queryHeadsPerKv,
          headDim: shape.headDim,
          slidingWindow: slidingWindows[layer],
          type: productType(type),
          queryNorm: normHeads('queryNorm'),
          keyNorm: normHeads('keyNorm'),
        },
        (...output) => caches.push(output),
      );
      hidden = addTo(hidden, product(context, 'output'));
    }
    if (ffnChannels === 0) hidden = addTo(hidden, weights.optionalVector(name('down', 'bias')));
    else {
      const normed = norm(hidden, name('ffnNorm'));
      const gate = product(normed, 'gate');
      // SiLU is x * sigmoid(x).
      const gated = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]);
      hidden = addTo(hidden, product(graph.node('Mul', [gated, product(normed, 'up')]), 'down'));
    }
  }
  const head = `${shape.tiedEmbeddings ? names.embedding : names.head}.weight`;
  const logits = weights.product(norm(hidden, `${names.finalNorm}.weight`), head);
  const size = graph.node('Concat', [tokens.size, graph.integers([shape.vocabulary])], { attributes: { axis: 0n } });
  // The logits first, as Optimum has them: programs take the first output.
  graph.output('logits', graph.node('Reshape', [logits, size]), [BATCH, LENGTH, shape.vocabulary]);
  for (const cache of caches) graph.output(...cache);
  return { graph, tensors: weights.tensors };
}

/**
 * RMSNorm ("Root Mean Square Layer Normalization", arXiv 1910.07467) over the last axis: x / sqrt(mean x^2 + epsilon) *
 * scale. ONNX Runtime runs these nodes as one.
 */
function addRmsNorm(graph: GraphBuilder, values: string, scale: string, epsilon: number): string {
  const squares = graph.node('Pow', [values, graph.floats([2])]);
  const mean = graph.node('ReduceMean', [squares, graph.integers([-1])]);
  const deviation = graph.node('Sqrt', [graph.node('Add', [mean, graph.floats([epsilon])])]);
  return graph.node('Mul', [graph.node('Div', [values, deviation]), scale]);
}
