import type { DeepPartial, PairSet } from '../src/client/index.js';
import { createRng } from '../src/core/random.js';

/** Names of prunable dimensions, as many as asked for, two a layer. */
export function nameDimensions(count: number): string[] {
  return Array.from(
    { length: count },
    (_, index) => `layers.${index >> 1}.${index % 2 === 0 ? 'kv_heads' : 'ffn_channels'}`,
  );
}

/** Pairs of a smooth law with noise, as many as a study has. */
export function drawPairs({
  count,
  dimensions,
}: {
  readonly count: number;
  readonly dimensions: readonly string[];
}): DeepPartial<PairSet> {
  const rng = createRng(1);
  const weights = dimensions.map(() => 0.1 + rng.uniform());
  const pairs = Array.from({ length: count }, () => {
    const rates = dimensions.map(() => Math.fround(rng.uniform() / 2));
    const loss = rates.reduce((sum, rate, index) => sum + (weights[index] ?? 0) * (0.3 * rate + rate * rate), 1);
    return { rates, metrics: { perplexity: Math.exp(loss + 0.05 * rng.uniform()) } };
  });
  return { dimensions: [...dimensions], pairs };
}
