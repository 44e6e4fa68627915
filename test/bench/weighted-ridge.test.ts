import { expect, it } from 'vitest';
import { fitWeightedRidge } from '../../bench/ideas/weighted-ridge.js';
import { createRng } from '../../src/core/random.js';
import type { PairTable } from '../../src/core/pairs.js';
import ridge from '../../src/plugins/predictors/ridge.js';

const COLUMNS = 4;

it('predicts as the built-in ridge does if all weights are equal', async () => {
  const pairs = drawPairs(40);
  const builtIn = await ridge.fit(pairs, ridge.options.parse({}), 0);
  const batch = { rates: drawPairs(5).rates, columns: COLUMNS };
  const { mean } = await builtIn.predict(batch);
  const weighted = await fitWeightedRidge(pairs, new Float64Array(40).fill(3))(batch, 'means');
  mean.forEach((value, row) => expect(weighted.mean[row]).toBeCloseTo(value, 9));
});

it('forgets a pair whose weight is next to nothing', async () => {
  const pairs = drawPairs(40);
  const spoilt = { ...pairs, targets: pairs.targets.with(39, 100) };
  const others = {
    ...pairs,
    rates: pairs.rates.slice(0, 39 * COLUMNS),
    targets: pairs.targets.slice(0, 39),
  };
  const batch = { rates: drawPairs(5).rates, columns: COLUMNS };
  const without = await fitWeightedRidge(others, new Float64Array(39).fill(1))(batch, 'deviations');
  const forgotten = await fitWeightedRidge(spoilt, new Float64Array(40).fill(1).with(39, 1e-14))(batch, 'deviations');
  without.mean.forEach((value, row) => expect(forgotten.mean[row]).toBeCloseTo(value, 6));
  without.deviation?.forEach((value, row) => expect(forgotten.deviation?.[row]).toBeCloseTo(value, 6));
});

/** A quadratic law with noise. */
function drawPairs(count: number): PairTable {
  const rng = createRng(count);
  const rates = Float32Array.from({ length: count * COLUMNS }, () => rng.uniform());
  const targets = Float64Array.from({ length: count }, (_, row) => {
    const own = rates.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    return own.reduce((sum, rate, column) => sum + (column + 1) * rate * rate, 0) + 0.1 * rng.uniform();
  });
  return {
    dimensions: ['layers.0.kv_heads', 'layers.0.ffn_channels', 'layers.1.kv_heads', 'layers.1.ffn_channels'],
    rates,
    targets,
  };
}
