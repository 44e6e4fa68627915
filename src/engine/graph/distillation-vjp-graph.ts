import { createGraphBuilder } from './graph-builder.js';
import { addRmsNormParts, addRmsNormVjp, addTransposedMatMul } from './vjp-parts.js';

/** What a model loses to its teacher. */
export interface DistillationLoss {
  /** Both distributions are softened by it; above 0. */
  readonly temperature: number;
  /** The share of the text's own next token in the loss, 0 to 1; the rest is the teacher's. */
  readonly crossEntropy: number;
}

/**
 * dLoss/dhidden of the final norm, the head and the distillation loss of each token ("Distilling the Knowledge in a
 * Neural Network", arXiv 1503.02531), so that neither model's logits leave the graph.
 *
 * With logits z of the model and t of its teacher, T the temperature and a the share of the cross-entropy, a row's loss
 * is (1 - a) T^2 KL(softmax(t / T) || softmax(z / T)) - a log softmax(z)[target], and its derivative by z
 * (1 - a) T (softmax(z / T) - softmax(t / T)) + a (softmax(z) - one-hot).
 *
 * Inputs: `hidden` and `teacher` [tokens, hidden], both before the final norm; `norm` [hidden]; `head` [vocabulary,
 * hidden]; `targets` int64 [tokens]; `shares` [tokens, 1], the factor of each row's loss. Outputs: `downstream` [tokens,
 * hidden]; `losses` [tokens, 1], before the factor.
 */
export function buildDistillationVjpGraph({
  temperature,
  crossEntropy,
  rmsNormEpsilon,
}: DistillationLoss & { readonly rmsNormEpsilon: number }): Uint8Array {
  const graph = createGraphBuilder('distillation_vjp');
  const scale = graph.input('norm', ['hidden']);
  const head = graph.input('head', ['vocabulary', 'hidden']);
  const norm = addRmsNormParts(graph, graph.input('hidden', ['tokens', 'hidden']), scale, rmsNormEpsilon);
  const taught = addRmsNormParts(graph, graph.input('teacher', ['tokens', 'hidden']), scale, rmsNormEpsilon);
  const targets = graph.input('targets', ['tokens'], 'int64');
  const shares = graph.input('shares', ['tokens', 1]);
  const times = (values: string, factor: number): string =>
    factor === 1 ? values : graph.node('Mul', [values, graph.floats([factor])]);
  const logSoftmax = (logits: string): string => graph.node('LogSoftmax', [logits], { attributes: { axis: 1n } });
  const along = (values: string): string => graph.node('ReduceSum', [values, graph.integers([1])]);

  const logits = addTransposedMatMul(graph, norm.normed, head);
  const soft = logSoftmax(times(logits, 1 / temperature));
  const softTaught = logSoftmax(times(addTransposedMatMul(graph, taught.normed, head), 1 / temperature));
  const probabilities = graph.node('Exp', [softTaught]);
  const softProbabilities = graph.node('Exp', [soft]);
  const divergence = along(graph.node('Mul', [probabilities, graph.node('Sub', [softTaught, soft])]));
  const toSoft = times(graph.node('Sub', [softProbabilities, probabilities]), (1 - crossEntropy) * temperature);

  let losses = times(divergence, (1 - crossEntropy) * temperature ** 2);
  let toNormed = graph.node('MatMul', [toSoft, head]);
  if (crossEntropy > 0) {
    const plain = temperature === 1 ? soft : logSoftmax(logits);
    const toPlain = times(temperature === 1 ? softProbabilities : graph.node('Exp', [plain]), crossEntropy);
    const column = graph.node('Unsqueeze', [targets, graph.integers([1])]);
    const likelihood = graph.node('GatherElements', [plain, column], { attributes: { axis: 1n } });
    losses = graph.node('Sub', [losses, times(likelihood, crossEntropy)]);
    // The one-hot part is the target's row of the head.
    toNormed = graph.node('Sub', [
      graph.node('MatMul', [graph.node('Add', [toSoft, toPlain]), head]),
      times(graph.node('Gather', [head, targets]), crossEntropy),
    ]);
  }
  graph.output('losses', losses, ['tokens', 1]);
  graph.output('downstream', addRmsNormVjp(graph, norm, scale, graph.node('Mul', [toNormed, shares])), [
    'tokens',
    'hidden',
  ]);
  return graph.encode();
}
