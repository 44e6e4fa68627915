import type { ItemColumns, MetricDefinition } from '../../../core/metric.js';
import { scoreFrom, type Sequence } from '../../../core/sequence.js';
import type { EncodedQuestion } from './encode-questions.js';

/** Prompt and choice, one sequence per choice, of which the choice is scored. */
export function sequenceChoices({ prompts, continuations }: EncodedQuestion): Sequence[] {
  return prompts.map((prompt, choice) => {
    const continuation = continuations[choice] as Int32Array;
    const tokens = new Int32Array(prompt.length + continuation.length);
    tokens.set(prompt);
    tokens.set(continuation, prompt.length);
    return scoreFrom(tokens, prompt.length);
  });
}

/** What is known of a question's right answer when the model has run. */
export interface ChoiceKey {
  readonly gold: number;
  readonly choices: number;
}

/** The summed log-likelihood of each choice, question by question, from the losses of all their sequences in order. */
export function splitLogLikelihoods(losses: Float64Array, keys: readonly ChoiceKey[]): Float64Array[] {
  let next = 0;
  return keys.map(({ choices }) => losses.slice(next, (next += choices)).map((loss) => -loss));
}

/** 1 for each question whose right choice is the best one; of equally good choices the first is taken, as by argmax. */
export function markCorrect(scores: readonly Float64Array[], keys: readonly ChoiceKey[]): Float64Array {
  return Float64Array.from(keys, ({ gold }, index) => (findBest(scores[index] as Float64Array) === gold ? 1 : 0));
}

/** The log-likelihood of the right choice minus that of the best wrong one; negative if that one is better. */
export function measureMargins(scores: readonly Float64Array[], keys: readonly ChoiceKey[]): Float64Array {
  return Float64Array.from(keys, ({ gold }, index) => {
    const [all, wrong] = [scores[index] as Float64Array, (_: number, choice: number) => choice !== gold];
    return (all[gold] ?? Number.NaN) - Math.max(...all.filter(wrong));
  });
}

/** The metrics that are means over items, or exponentials of means, by name. */
export function meansOf(metrics: readonly MetricDefinition[], items: ItemColumns): Record<string, number> {
  return Object.fromEntries(
    metrics.flatMap(({ name, mean, scale }) => {
      if (mean === undefined) return [];
      const value = sum(items[mean.of]) / sum(items[mean.per]);
      return [[name, scale === 'log' ? Math.exp(value) : value]];
    }),
  );
}

/** The first of the best choices. */
export function findBest(scores: Float64Array): number {
  return scores.indexOf(Math.max(...scores));
}

function sum(values: Float64Array | undefined): number {
  return values?.reduce((total, value) => total + value, 0) ?? Number.NaN;
}
