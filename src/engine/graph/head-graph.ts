import type { Precision } from '../../core/measurement.js';
import { addRmsNorm } from './attention-graph.js';
import { createGraphBuilder, type Dimension, type GraphBuilder } from './graph-builder.js';
import { createLinearMaps } from './linear-maps.js';

/** What one compiled head supports; all sizes are symbolic. */
export interface HeadVariant {
  readonly precision: Precision;
  readonly rmsNormEpsilon: number;
}

/**
 * The final norm, the head, and the loss of each token, so that logits never leave the graph.
 *
 * Inputs: `hidden` [tokens, hidden]; `norm` [hidden]; `head` [vocabulary, hidden]; `targets` int32 [tokens, 1], the
 * token that each row should predict. Outputs: `log_likelihood` [tokens, 1], natural log, and `hit` int32 [tokens, 1],
 * 1 if no token is more likely than the target. In 8 bits `head` is as `createLinearMaps` describes.
 *
 * The log-softmax runs over a matrix that the caller keeps small: LogSoftmax and a gather took 5 % longer than the
 * product of 256 x 49,152 alone, ReduceLogSumExp 40 %; finding the maximum takes 2 % more processor time.
 */
export function buildHeadLossGraph(variant: HeadVariant): Uint8Array {
  const graph = createGraphBuilder('head_loss');
  const logits = addHead(graph, variant);
  const targets = graph.input('targets', ['tokens', 1], 'int32');
  const logProbabilities = graph.node('LogSoftmax', [logits], { attributes: { axis: 1n } });
  const logLikelihood = graph.node('GatherElements', [logProbabilities, targets], { attributes: { axis: 1n } });
  const most = graph.node('ReduceMax', [logProbabilities, graph.integers([1])]);
  graph.output('log_likelihood', logLikelihood, ['tokens', 1]);
  graph.output(
    'hit',
    graph.node('Cast', [graph.node('GreaterOrEqual', [logLikelihood, most])], { attributes: { to: 6n } }),
    ['tokens', 1],
    'int32',
  );
  return graph.encode();
}

/**
 * A part of the head, for a head that is not in memory as a whole: `head` [part of the vocabulary, hidden], `targets`
 * counted from the part's first token. Outputs, each [tokens, 1]: `target`, the logit of the target; `most`, the
 * largest logit of the part; and `log_sum`, the log of the sum of exp(logit) over the part, which is the largest logit
 * minus its log-softmax.
 */
export function buildHeadPartGraph(variant: HeadVariant): Uint8Array {
  const graph = createGraphBuilder('head_part');
  const logits = addHead(graph, variant);
  const targets = graph.input('targets', ['tokens', 1], 'int32');
  const most = graph.node('ReduceMax', [logits, graph.integers([1])]);
  const mostProbable = graph.node('ReduceMax', [
    graph.node('LogSoftmax', [logits], { attributes: { axis: 1n } }),
    graph.integers([1]),
  ]);
  graph.output('target', graph.node('GatherElements', [logits, targets], { attributes: { axis: 1n } }), ['tokens', 1]);
  graph.output('log_sum', graph.node('Sub', [most, mostProbable]), ['tokens', 1]);
  graph.output('most', most, ['tokens', 1]);
  return graph.encode();
}

/**
 * The final norm, the head or a part of it, and how far the predictions of two models with the same head are apart.
 *
 * Input `hidden` [2, tokens, hidden]: the states of the model that is compared with, then those of the other; `norm`
 * and `head` as for `buildHeadLossGraph`. Outputs: `divergence` [tokens, 1], KL(first || second) over the part,
 * natural log; of each model, [2, tokens, 1], `log_sum` and `most` as `buildHeadPartGraph` has them, and `likeliest`
 * int32, the first token of the largest logit.
 *
 * With p and q the probabilities within the part and d = log q - log p, the divergence -sum p d is computed as
 * sum (q - p (1 + d)): the same, as both sum up to 1, but each term is 0 or more, and the rounding of a row's log sum,
 * which all its d have in common, cancels out.
 */
export function buildHeadComparisonGraph(variant: HeadVariant): Uint8Array {
  const graph = createGraphBuilder('head_comparison');
  const logits = addHead(graph, variant, [2, 'tokens', 'hidden']);
  const along = graph.integers([2]);
  const logProbabilities = graph.node('LogSoftmax', [logits], { attributes: { axis: 2n } });
  const most = graph.node('ReduceMax', [logits, along]);
  graph.output('log_sum', graph.node('Sub', [most, graph.node('ReduceMax', [logProbabilities, along])]), BOTH);
  graph.output('most', most, BOTH);
  graph.output(
    'likeliest',
    graph.node('Cast', [graph.node('ArgMax', [logits], { attributes: { axis: 2n } })], { attributes: { to: 6n } }),
    BOTH,
    'int32',
  );
  const [first, second] = [0, 1].map((model) =>
    graph.node('Squeeze', [graph.node('Gather', [logProbabilities, graph.integers([model])]), graph.integers([0])]),
  ) as [string, string];
  const difference = graph.node('Sub', [second, first]);
  const terms = graph.node('Sub', [
    graph.node('Exp', [second]),
    graph.node('Mul', [graph.node('Exp', [first]), graph.node('Add', [difference, graph.floats([1])])]),
  ]);
  graph.output('divergence', graph.node('ReduceSum', [terms, graph.integers([1])]), ['tokens', 1]);
  return graph.encode();
}

const BOTH = [2, 'tokens', 1] as const;

/** As `buildHeadLossGraph` without targets; output `logits` [tokens, vocabulary]. */
export function buildLogitsGraph(variant: HeadVariant): Uint8Array {
  const graph = createGraphBuilder('logits');
  graph.output('logits', addHead(graph, variant), ['tokens', 'vocabulary']);
  return graph.encode();
}

function addHead(
  graph: GraphBuilder,
  { precision, rmsNormEpsilon }: HeadVariant,
  dimensions: readonly Dimension[] = ['tokens', 'hidden'],
): string {
  const hidden = graph.input('hidden', dimensions);
  const normed = addRmsNorm(graph, hidden, graph.input('norm', ['hidden']), rmsNormEpsilon);
  const maps = createLinearMaps(graph, precision);
  return maps.finish(
    maps.operand(normed).times({ name: 'head', inner: 'hidden', columns: 'vocabulary', layout: 'columns-first' }),
  );
}
