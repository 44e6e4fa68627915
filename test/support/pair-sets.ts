import type { DeepPartial, PairSet } from '../../src/client/index.js';

/** Pairs of two rates and what a function says of them, in place of measurements. */
function pairsOf(target: (a: number, b: number) => number): DeepPartial<PairSet> {
  return {
    dimensions: ['layers.0.ffn_channels', 'layers.1.ffn_channels'],
    model: 'stories260k',
    measurementFingerprint: 'm',
    fidelityDigest: 'f',
    pairs: Array.from({ length: 60 }, (_, row) => {
      const [a, b] = [((row * 7) % 60) / 120, ((row * 13) % 60) / 120];
      return { rates: [a, b], metrics: { perplexity: target(a, b) } };
    }),
  };
}

/** A bowl with its rim, which a line cannot follow, and the pairs nearby can. */
export const BOWL = pairsOf((a, b) => 3 + Math.cos(16 * (a - 0.25)) + Math.cos(16 * (b - 0.25)));

/** A slope, which a line follows better than the mean of the pairs nearby. */
export const SLOPE = pairsOf((a, b) => Math.exp(1 + 2 * a + b));
