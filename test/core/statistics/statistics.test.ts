import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EncodingBatch } from '../../../src/core/pairs.js';
import { createRng } from '../../../src/core/random.js';
import { excessInterval, perplexityOf } from '../../../src/core/statistics/bootstrap.js';
import { measureEffects, measureImportances, slopeOf } from '../../../src/core/statistics/explain.js';
import { quantile } from '../../../src/core/statistics/quantile.js';
import { kendallTau, spearman } from '../../../src/core/statistics/rank-correlation.js';
import { mae, r2, rmse, regretAtK, topKRecall } from '../../../src/core/statistics/prediction-error.js';
import { splitFolds, splitHoldOut } from '../../../src/core/statistics/splits.js';
describe('kendallTau and spearman', () => {
  const [a, b] = [
    [1, 2, 2, 3, 5, 4, 7, 7, 6, 8],
    [2, 1, 3, 3, 4, 6, 5, 8, 8, 7],
  ];

  it('agree with scipy on ties', () => {
    expect(kendallTau(a, b)).toBeCloseTo(0.6744186046511628, 12); // scipy.stats.kendalltau, variant b
    expect(spearman(a, b)).toBeCloseTo(0.8343558282208591, 12); // scipy.stats.spearmanr
  });

  it('count the same pairs as the definition does, with many ties', () => {
    const rng = createRng(5);
    for (let round = 0; round < 50; round++) {
      const length = 2 + rng.integer(40);
      const [x, y] = [0, 1].map(() => Array.from({ length }, () => rng.integer(12))) as [number[], number[]];
      let [balance, untiedX, untiedY] = [0, 0, 0];
      x.forEach((_, i) =>
        x.slice(0, i).forEach((__, j) => {
          const [signX, signY] = [Math.sign((x[i] ?? 0) - (x[j] ?? 0)), Math.sign((y[i] ?? 0) - (y[j] ?? 0))];
          balance += signX * signY;
          untiedX += Math.abs(signX);
          untiedY += Math.abs(signY);
        }),
      );
      expect(kendallTau(x, y)).toBeCloseTo(balance / Math.sqrt(untiedX * untiedY), 12);
    }
    expect(kendallTau([1, 2, NaN], [1, 2, 3])).toBeNaN();
  });

  it('are 1 for an order and itself, -1 for its reverse, and NaN if one side is constant', () => {
    expect([kendallTau([1, 2, 3], [4, 5, 9]), spearman([1, 2, 3], [4, 5, 9])]).toEqual([1, 1]);
    expect(kendallTau([1, 2, 3], [9, 5, 4])).toBe(-1);
    expect(kendallTau([1, 2, 3], [2, 2, 2])).toBeNaN();
  });
});

describe('r2, mae and rmse', () => {
  it('agree with scikit-learn', () => {
    const [truth, predicted] = [
      [4.1, 3.9, 4.6, 5.0, 4.3, 4.8],
      [4.0, 4.0, 4.5, 5.2, 4.2, 4.6],
    ];
    expect(r2(truth, predicted)).toBeCloseTo(0.8659217877094973, 12);
    expect(mae(truth, predicted)).toBeCloseTo(0.13333333333333322, 12);
    expect(rmse(truth, predicted)).toBeCloseTo(0.14142135623730948, 12);
  });
});

describe('topKRecall and regretAtK', () => {
  const truth = [5, 1, 4, 2, 3];
  const predicted = [1, 5, 2, 3, 4]; // predicted best: 0, 2, 3, 4, 1; truly best: 1, 3, 4

  it('count the truly best among the predicted best, and what measuring only those would lose', () => {
    expect(topKRecall(truth, predicted, 3)).toBeCloseTo(1 / 3); // of 1, 3, 4 only 3 is among 0, 2, 3
    expect([1, 3, 5].map((k) => regretAtK(truth, predicted, k))).toEqual([4, 1, 0]);
  });
});

describe('quantile', () => {
  it("agrees with numpy's default", () => {
    const values = [7.5, 1.25, 3, 9, 4.5, 2];
    [
      [0, 1.25],
      [0.025, 1.34375],
      [0.3, 2.5],
      [0.5, 3.75],
      [0.975, 8.8125],
      [1, 9],
    ].forEach(([share = 0, expected = 0]) => {
      expect(quantile(values, share)).toBeCloseTo(expected, 12);
    });
  });
});

describe('splitHoldOut and splitFolds', () => {
  it('hold out 3 of 10, the same ones for the same seed', () => {
    const split = splitHoldOut(200, 0.3, createRng(5));
    expect([split.fit.length, split.holdOut.length]).toEqual([140, 60]);
    expect(splitHoldOut(200, 0.3, createRng(5))).toEqual(split);
    expect(splitHoldOut(200, 0.3, createRng(6))).not.toEqual(split);
  });

  it('hold out every row once over all folds, in parts of nearly equal size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 60 }),
        fc.integer({ min: 2, max: 5 }),
        fc.integer(),
        (rows, folds, seed) => {
          const splits = splitFolds(rows, folds, createRng(seed));
          expect(splits.flatMap(({ holdOut }) => holdOut).sort((a, b) => a - b)).toEqual(
            Array.from({ length: rows }, (_, row) => row),
          );
          const sizes = splits.map(({ holdOut }) => holdOut.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          for (const { fit, holdOut } of splits) expect(fit.length + holdOut.length).toBe(rows);
        },
      ),
    );
  });
});

describe('excessInterval', () => {
  const tokens = Array.from({ length: 10 }, () => 127);
  const a = { losses: [310, 295, 330, 402, 288, 350, 317, 299, 341, 365], tokens };
  const b = { losses: [321.3, 300.85, 343.9, 415.06, 296.64, 358.5, 329.51, 312.97, 347.23, 376.95], tokens };

  it("is numpy's interval of the same paired resampling", () => {
    const [low, high] = excessInterval(a, b, { rng: createRng(1) });
    // numpy, 200,000 draws: the ends agree to what 10,000 draws can tell
    expect(1 + low).toBeCloseTo(0.90758459, 2);
    expect(1 + high).toBeCloseTo(0.93354718, 2);
    expect(perplexityOf(a) / perplexityOf(b)).toBeCloseTo(0.9199888755667752, 12);
  });

  it('is tight where both move together: an unpaired one would be wide', () => {
    const [low, high] = excessInterval(
      a,
      { losses: a.losses.map((loss) => loss + 12.7), tokens },
      { rng: createRng(2) },
    );
    expect([low, high].map((end) => Math.log1p(end))).toEqual([expect.closeTo(-0.1, 9), expect.closeTo(-0.1, 9)]);
  });

  it('of few questions, of which a draw may have none that is answered, is a difference as a share of the mean', () => {
    const ones = [1, 1, 1, 1];
    const [more, other] = [
      { losses: [1, 1, 0, 1], tokens: ones },
      { losses: [1, 0, 0, 0], tokens: ones },
    ];
    // The difference of an item is 0, 1, 0, 1: of four drawn with replacement as a mean from 0 to 1, over 1/4.
    const [low, high] = excessInterval(more, other, { rng: createRng(1), scale: 'linear' });
    expect([low, high]).toEqual([0, 4]);
  });

  it('refuses sides of different windows', () => {
    expect(() => excessInterval(a, { losses: [1], tokens: [1] }, { rng: createRng(1) })).toThrow(RangeError);
  });
});

describe('measureImportances and measureEffects', () => {
  const rng = createRng(3);
  const batch: EncodingBatch = { rates: Float32Array.from({ length: 3 * 400 }, () => rng.uniform()), columns: 3 };
  // A shuffled column of weight w adds w (x - x'), whose variance is w^2 / 6 for uniform x.
  it('rise by the error that a shuffled column adds, and not at all for one that is not used', async () => {
    const importances = await measureImportances(predict, batch, await predict(batch), {
      rng: createRng(4),
      repeats: 10,
    });
    expect(importances[0]).toBeCloseTo(2 / Math.sqrt(6), 1);
    expect(importances[1]).toBeCloseTo(1 / Math.sqrt(6), 1);
    expect(importances[2]).toBe(0);
  });

  it('give the slope of a straight line, end to end', async () => {
    const curves = await measureEffects(predict, batch, [
      { minRate: 0, maxRate: 0.5 },
      { minRate: 0.2, maxRate: 0.7 },
      { minRate: 0.4, maxRate: 0.4 },
    ]);
    expect(curves.map(slopeOf)).toEqual([expect.closeTo(2, 5), expect.closeTo(-1, 5), 0]);
    expect(curves[1]?.rates).toEqual([0.2, 0.325, 0.45, 0.575, 0.7].map((rate) => expect.closeTo(rate, 12)));
  });
});

/** 2 x0 - x1, of three columns. */
function predict({ rates }: EncodingBatch): Promise<Float64Array> {
  return Promise.resolve(
    Float64Array.from({ length: rates.length / 3 }, (_, row) => 2 * (rates[3 * row] ?? 0) - (rates[3 * row + 1] ?? 0)),
  );
}
