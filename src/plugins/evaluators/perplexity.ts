import { z } from 'zod';
import type { ItemColumns } from '../../core/metric.js';
import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import { countScored } from '../../core/sequence.js';
import { sum } from '../../core/sum.js';
import { defineEvaluator } from '../define.js';
import { coverWindows, planWindows } from './windows/plan-windows.js';

/**
 * Perplexity: exp of the mean negative log-likelihood (natural log) over all scored tokens of all windows. Accuracy:
 * the share of the scored tokens that the model found most likely.
 *
 * Per token, models with different tokenizers do not compare; per byte and per word of the scored text they do. Both are
 * as in lm-evaluation-harness: bits per byte = sum of losses / ln 2 / bytes in UTF-8, word perplexity = exp(sum of
 * losses / words), with words between white space. They are measured where the tokens spell the text byte for byte.
 */
export default defineEvaluator({
  id: 'perplexity',
  summary:
    'Perplexity of a text in consecutive windows, per token, byte and word, and how often the next token is the most likely one.',
  options: z.strictObject({}),
  reads: 'text',
  runsIn: 'inline',
  metrics: [
    {
      name: 'perplexity',
      better: 'lower',
      scale: 'log',
      mean: { of: 'losses', per: 'tokens' },
      summary: 'exp of the mean negative log-likelihood of the scored tokens',
    },
    {
      name: 'accuracy',
      better: 'higher',
      scale: 'linear',
      mean: { of: 'hits', per: 'tokens' },
      summary: 'share of the scored tokens that were the most likely ones',
    },
    {
      name: 'bits_per_byte',
      better: 'lower',
      scale: 'linear',
      mean: { of: 'bits', per: 'bytes' },
      summary: 'negative log-likelihood of the scored text per byte in UTF-8, in bits',
    },
    {
      name: 'word_perplexity',
      better: 'lower',
      scale: 'log',
      mean: { of: 'losses', per: 'words' },
      summary: 'exp of the negative log-likelihood per word of the scored text, at most 1.8e308',
    },
  ],
  plan: (text, protocol, options) => {
    const plan = planWindows(text, protocol, { id: 'perplexity', options });
    const cover = coverWindows(text, plan);
    // Where no word begins in any window, or no byte is scored, there is no mean.
    const names = [
      ...(cover === undefined || sum(cover.bytes) === 0 ? [] : ['bits_per_byte']),
      ...(cover === undefined || sum(cover.words) === 0 ? [] : ['word_perplexity']),
    ];
    return {
      ...plan,
      metrics: ['perplexity', 'accuracy', ...names],
      ...(cover === undefined ? {} : { forReduce: cover }),
    };
  },
  reduce: ({ losses, hits }, plan) => {
    const tokens = Float64Array.from(plan.sequences, (sequence) => countScored([sequence]));
    const items = { losses, hits: Float64Array.from(hits), tokens };
    const scored = sum(tokens);
    const further = measureText(losses, plan);
    return {
      metrics: { perplexity: Math.exp(sum(losses) / scored), accuracy: sum(hits) / scored, ...further.metrics },
      items: { ...items, ...further.items },
    };
  },
  complete: ({ metrics, items }, plan) => {
    const { losses } = items;
    if (losses === undefined || losses.length !== plan.fidelity.items.length) return undefined;
    const further = measureText(losses, plan);
    return { metrics: { ...metrics, ...further.metrics }, items: { ...items, ...further.items } };
  },
});

/** What is measured per byte and per word. */
function measureText(
  losses: Float64Array,
  { forReduce, metrics = [] }: EvaluationPlan,
): { readonly metrics: Record<string, number>; readonly items: ItemColumns } {
  const { bytes, words } = (forReduce ?? {}) as Partial<Record<'bytes' | 'words', Float64Array>>;
  if (bytes === undefined || words === undefined) return { metrics: {}, items: {} };
  const bits = losses.map((loss) => loss / Math.LN2);
  const values = {
    bits_per_byte: sum(bits) / sum(bytes),
    word_perplexity: Math.min(Number.MAX_VALUE, Math.exp(sum(losses) / sum(words))),
  };
  return {
    metrics: Object.fromEntries(Object.entries(values).filter(([name]) => metrics.includes(name))),
    items: { bits, bytes, words },
  };
}
