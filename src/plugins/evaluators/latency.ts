import { z } from 'zod';
import { describeModelMeasurement } from '../../core/measurement.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { quantile } from '../../core/statistics/quantile.js';
import { defineEvaluator } from '../define.js';

/**
 * How long a model takes on this machine, in float32 and with nothing else running on it: for a prompt of `tokens`
 * tokens ("prefill"), and for one token after them ("decode"). Of each the median of the repeats, and as spread the
 * distance of the quartiles.
 */
export default defineEvaluator({
  id: 'latency',
  summary: 'Time of a prompt and of one token after it on this machine, each the median of some runs.',
  options: z.strictObject({
    tokens: z.int().min(1).max(1_000_000).default(128).describe('Tokens of the prompt.'),
    repeats: z.int().min(1).max(1000).default(20).describe('Timed runs of each kind.'),
    warm_up: z.int().min(0).max(1000).default(3).describe('Runs of each kind before those.'),
  }),
  reads: 'nothing',
  runsIn: 'inline',
  metrics: [
    { name: 'prefill_ms', better: 'lower', scale: 'log', summary: 'milliseconds of the prompt, median' },
    { name: 'prefill_ms_spread', better: 'lower', scale: 'linear', summary: 'the same, upper quartile less lower one' },
    { name: 'decode_ms', better: 'lower', scale: 'log', summary: 'milliseconds of a token after it, median' },
    { name: 'decode_ms_spread', better: 'lower', scale: 'linear', summary: 'the same, upper quartile less lower one' },
  ],
  plan: ({ machine, maxPositions }, options) => {
    const { tokens, repeats, warm_up: warmUp } = options;
    if (tokens >= maxPositions)
      throw PrunecastError.ofField(
        'options.tokens',
        `is ${tokens}; with the token after them they must be at most the model's ${maxPositions} positions (max_position_embeddings)`,
      );
    return {
      sequences: [],
      observe: { timing: { tokens, repeats, warmUp } },
      measurement: { ...describeModelMeasurement({ id: 'latency', options }), machine },
      fidelity: {
        tokens: (warmUp + repeats) * (tokens + 1),
        items: Array.from({ length: repeats }, (_, run) => run),
        precision: 'float32',
      },
    };
  },
  reduce: ({ timing: { prefillMs, decodeMs } = NOTHING }) => ({
    metrics: {
      prefill_ms: quantile(prefillMs, 0.5),
      prefill_ms_spread: measureSpread(prefillMs),
      decode_ms: quantile(decodeMs, 0.5),
      decode_ms_spread: measureSpread(decodeMs),
    },
    items: { prefill_ms: prefillMs, decode_ms: decodeMs },
  }),
});

const NOTHING = { prefillMs: new Float64Array(), decodeMs: new Float64Array() };

function measureSpread(times: Float64Array): number {
  return quantile(times, 0.75) - quantile(times, 0.25);
}
