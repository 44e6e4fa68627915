import { describe, expect, it } from 'vitest';
import type { PairTable } from '../../../src/core/pairs.js';
import { createRng } from '../../../src/core/random.js';
import { conformalHalfWidth } from '../../../src/core/statistics/conformal.js';
import ridge from '../../../src/plugins/predictors/ridge.js';
import { predictOutOfFold } from '../../../src/search/fit/predict-out-of-fold.js';

describe('conformalHalfWidth', () => {
  it('is the ceil((n + 1) coverage)-th smallest absolute residual', () => {
    const residuals = [0.3, -0.9, 0.1, 0.5, -0.7, 0.2, -0.4, 0.8, -0.6];
    expect(conformalHalfWidth(residuals, 0.5)).toBe(0.5);
    expect(conformalHalfWidth(residuals, 0.8)).toBe(0.8);
    expect(conformalHalfWidth(residuals, 0.9)).toBe(0.9);
  });

  it('is infinite where the residuals are too few for the coverage', () => {
    expect(conformalHalfWidth([0.1, 0.2, 0.3], 0.9)).toBe(Number.POSITIVE_INFINITY);
    expect(conformalHalfWidth([], 0.5)).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([0.5, 0.8, 0.9])(
    'covers %f of held-back labels within 5 points, by out-of-fold residuals over 20 seeded splits',
    async (coverage) => {
      let covered = 0;
      let heldBack = 0;
      for (let seed = 0; seed < 20; seed++) {
        const pairs = drawPairs(100, 2 * seed);
        const unseen = drawPairs(100, 2 * seed + 1);
        const predicted = await predictOutOfFold(pairs, { fit, folds: 5, rng: createRng(seed) });
        const half = conformalHalfWidth(
          pairs.targets.map((target, row) => target - (predicted[row] ?? NaN)),
          coverage,
        );
        const { mean } = await (await fit(pairs)).predict({ rates: unseen.rates, columns: COLUMNS });
        unseen.targets.forEach((target, row) => {
          heldBack += 1;
          if (Math.abs(target - (mean[row] ?? NaN)) <= half) covered += 1;
        });
      }
      expect(heldBack).toBe(2000);
      expect(Math.abs(covered / heldBack - coverage)).toBeLessThan(0.05);
    },
  );
});

const COLUMNS = 6;

function fit(table: PairTable) {
  return ridge.fit(table, ridge.options.parse({}), 0);
}

/** Skewed noise around a curved truth, so that neither the fit nor a normal interval is right. */
function drawPairs(count: number, seed: number): PairTable {
  const rng = createRng(1000 + seed);
  const rates = Float32Array.from({ length: count * COLUMNS }, () => 0.5 * rng.uniform());
  const targets = Float64Array.from(
    { length: count },
    (_, row) =>
      rates
        .subarray(row * COLUMNS, (row + 1) * COLUMNS)
        .reduce((sum, rate, column) => sum + (1 + column) * rate ** 3, 0) -
      0.2 * Math.log(1 - rng.uniform()),
  );
  return {
    dimensions: Array.from({ length: COLUMNS }, (_, column) => `layers.${column}.ffn_channels`),
    rates,
    targets,
  };
}
