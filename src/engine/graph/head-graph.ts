import { addRmsNorm } from './attention-graph.js';
import { createGraphBuilder, type GraphBuilder } from './graph-builder.js';

/**
 * The final norm, the head, and the loss of each token, so that logits never leave the graph.
 *
 * Inputs: `hidden` [tokens, hidden]; `norm` [hidden]; `head` [vocabulary, hidden]; `targets` int64 [tokens, 1], the
 * token that each row should predict. Output: `log_likelihood` [tokens, 1], natural log.
 *
 * The log-softmax runs over a matrix that the caller keeps small: LogSoftmax and a gather took 5 % longer than the
 * bare product of 256 x 49,152, ReduceLogSumExp 40 %.
 */
export function buildHeadLossGraph(rmsNormEpsilon: number): Uint8Array {
  const graph = createGraphBuilder('head_loss');
  const logits = addHead(graph, rmsNormEpsilon);
  const targets = graph.input('targets', ['tokens', 1], 'int64');
  const logProbabilities = graph.node('LogSoftmax', [logits], { attributes: { axis: 1n } });
  graph.output('log_likelihood', graph.node('GatherElements', [logProbabilities, targets], { attributes: { axis: 1n } }), ['tokens', 1]);
  return graph.encode();
}

/** As `buildHeadLossGraph` without targets; output `logits` [tokens, vocabulary]. */
export function buildLogitsGraph(rmsNormEpsilon: number): Uint8Array {
  const graph = createGraphBuilder('logits');
  graph.output('logits', addHead(graph, rmsNormEpsilon), ['tokens', 'vocabulary']);
  return graph.encode();
}

function addHead(graph: GraphBuilder, rmsNormEpsilon: number): string {
  const hidden = graph.input('hidden', ['tokens', 'hidden']);
  const normed = addRmsNorm(graph, hidden, graph.input('norm', ['hidden']), rmsNormEpsilon);
  return graph.node('FusedMatMul', [normed, graph.input('head', ['vocabulary', 'hidden'])], { domain: 'com.microsoft', attributes: { transB: 1n } });
}
