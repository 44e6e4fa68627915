import { z } from 'zod';
import { countScored } from '../../core/sequence.js';
import { defineEvaluator } from '../define.js';
import { planWindows } from './windows/plan-windows.js';

/**
 * Perplexity: exp of the mean negative log-likelihood (natural log) over all scored tokens of all windows. Accuracy:
 * the share of the scored tokens that the model found most likely.
 */
export default defineEvaluator({
  id: 'perplexity',
  summary: 'Perplexity of a text in consecutive windows, and how often the next token is the most likely one.',
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
  ],
  plan: (text, protocol, options) => planWindows(text, protocol, { id: 'perplexity', options }),
  reduce: ({ losses, hits }, { sequences }) => {
    const tokens = Float64Array.from(sequences, (sequence) => countScored([sequence]));
    const scored = sum(tokens);
    return {
      metrics: { perplexity: Math.exp(sum(losses) / scored), accuracy: sum(hits) / scored },
      items: { losses, hits: Float64Array.from(hits), tokens },
    };
  },
});

function sum(values: Float64Array | Int32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
