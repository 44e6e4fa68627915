import { z } from 'zod';
import { countScored } from '../../core/sequence.js';
import { sum } from '../../core/sum.js';
import { defineEvaluator } from '../define.js';
import { planWindows } from './windows/plan-windows.js';

/**
 * How far a pruned model is from its dense one, whatever the text says: the mean over all scored tokens of
 * KL(p || q) = sum p (log p - log q), natural log, with p and q the distributions that the dense and the pruned model
 * predict the token with; and how often both find the same token most likely. Windows are those of perplexity.
 *
 * The scale is linear although divergences span orders of magnitude: that of the dense model itself is 0.
 */
export default defineEvaluator({
  id: 'kl-divergence',
  summary: 'How far the predictions on a text are from those of the dense model: mean KL divergence, top-1 agreement.',
  options: z.strictObject({}),
  reads: 'text',
  runsIn: 'inline',
  metrics: [
    {
      name: 'kl_divergence',
      better: 'lower',
      scale: 'linear',
      mean: { of: 'divergences', per: 'tokens' },
      summary: 'mean KL divergence of the next-token distributions from those of the dense model, natural log',
    },
    {
      name: 'agreement',
      better: 'higher',
      scale: 'linear',
      mean: { of: 'agreements', per: 'tokens' },
      summary: "share of the scored tokens for which the most likely token is the dense model's",
    },
  ],
  plan: (text, protocol, options) => ({
    ...planWindows(text, protocol, { id: 'kl-divergence', options }),
    observe: { divergences: true },
  }),
  reduce: ({ divergences = new Float64Array(), agreements = new Int32Array() }, { sequences }) => {
    const tokens = Float64Array.from(sequences, (sequence) => countScored([sequence]));
    const scored = sum(tokens);
    return {
      metrics: { kl_divergence: sum(divergences) / scored, agreement: sum(agreements) / scored },
      items: { divergences, agreements: Float64Array.from(agreements), tokens },
    };
  },
});
