import { createGraphBuilder } from './graph-builder.js';
import { addRmsNormParts, addRmsNormVjp, addTransposedMatMul } from './vjp-parts.js';

/**
 * dLoss/dhidden of the final norm, the head and the loss of each token, so that logits never leave the graph.
 *
 * Inputs: `hidden` [tokens, hidden]; `norm` [hidden]; `head` [vocabulary, hidden]; `targets` int64 [tokens], the token
 * that each row should predict; `shares` [tokens, 1], the factor of each row's negative log-likelihood in the loss.
 * Output: `downstream` [tokens, hidden].
 */
export function buildHeadVjpGraph(rmsNormEpsilon: number): Uint8Array {
  const graph = createGraphBuilder('head_vjp');
  const hidden = graph.input('hidden', ['tokens', 'hidden']);
  const scale = graph.input('norm', ['hidden']);
  const head = graph.input('head', ['vocabulary', 'hidden']);
  const targets = graph.input('targets', ['tokens'], 'int64');
  const shares = graph.input('shares', ['tokens', 1]);
  const norm = addRmsNormParts(graph, hidden, scale, rmsNormEpsilon);
  const probabilities = graph.node('Softmax', [addTransposedMatMul(graph, norm.normed, head)], {
    attributes: { axis: 1n },
  });
  // (softmax - one-hot) head; the one-hot part is the target's row.
  const toNormed = graph.node('Sub', [
    graph.node('MatMul', [probabilities, head]),
    graph.node('Gather', [head, targets]),
  ]);
  graph.output('downstream', addRmsNormVjp(graph, norm, scale, graph.node('Mul', [toNormed, shares])), [
    'tokens',
    'hidden',
  ]);
  return graph.encode();
}
