import { deepStrictEqual, ok } from 'node:assert/strict';
import { countRows, type EncodingBatch, type PairTable } from '../../core/pairs.js';
import type { FittedPredictor, Predictor } from '../../core/ports/predictor.js';
import { createRng, type Rng } from '../../core/random.js';
import { kendallTau } from '../../core/statistics/rank-correlation.js';
import { acceptedByServers, completeOptions, optionsCheck, type ConformanceCheck } from './conformance-check.js';

export interface PredictorConformance {
  /** Options as a caller sends them. @default none, so that the schema's own defaults are tried */
  readonly options?: unknown;
  /**
   * The least Kendall tau on 200 unseen points of a smooth, additive function of 6 rates, after 150 pairs. @default 0.5
   */
  readonly leastTau?: number;
  /** The content of the files that the options name, by the names of `Predictor.files`. The pairs have 6 columns. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** A check. `of`: only for predictors that are fitted here, or only for those fitted elsewhere. */
type Check = ConformanceCheck & { readonly of?: 'here' | 'elsewhere' };

/**
 * The conformance kit for predictors, for any test runner:
 *
 * ```ts
 * describe('my-predictor', () => {
 *   for (const { name, run } of listPredictorChecks(myPredictor)) it(name, run);
 * });
 * ```
 */
export function listPredictorChecks<Options>(
  predictor: Predictor<Options>,
  conformance: PredictorConformance = {},
): readonly ConformanceCheck[] {
  const { options = {}, leastTau = 0.5, files } = conformance;
  const fit = (pairs: PairTable, seed = 7): Promise<FittedPredictor> =>
    predictor.fit(pairs, completeOptions(predictor.options, options), seed, files);
  const bounded = Math.min(150, predictor.pairs.most);
  const checks: readonly Check[] = [
    acceptedByServers(predictor),
    { of: 'here', ...optionsCheck(predictor.options) },
    {
      name: 'gives one finite mean per row, and one deviation per row if it has any',
      run: async () => {
        const { mean, deviation } = await (await fit(drawPairs(bounded))).predict(drawBatch(33, 2));
        deepStrictEqual(mean.length, 33);
        ok(mean.every(Number.isFinite), 'every mean must be finite');
        if (deviation === undefined) return;
        deepStrictEqual(deviation.length, 33);
        ok(
          deviation.every((value) => value >= 0 && Number.isFinite(value)),
          'every deviation must be finite and not negative',
        );
      },
    },
    {
      name: 'gives nothing for an empty batch',
      run: async () => {
        const { mean } = await (await fit(drawPairs(bounded))).predict({
          rates: new Float32Array(),
          columns: DIMENSIONS,
        });
        deepStrictEqual(mean.length, 0);
      },
    },
    {
      of: 'here',
      name: `ranks unseen points (Kendall tau of at least ${leastTau})`,
      run: async () => {
        const batch = drawBatch(200, 3);
        const { mean } = await (await fit(drawPairs(bounded))).predict(batch);
        const tau = kendallTau(truthOf(batch), mean);
        ok(tau >= leastTau, `Kendall tau is ${tau}`);
      },
    },
    {
      name: 'gives a row the same prediction, alone or among others',
      run: async () => {
        const fitted = await fit(drawPairs(bounded));
        const batch = drawBatch(9, 4);
        const together = await fitted.predict(batch);
        for (let row = 0; row < 9; row++) {
          const alone = await fitted.predict({
            rates: batch.rates.slice(row * DIMENSIONS, (row + 1) * DIMENSIONS),
            columns: DIMENSIONS,
          });
          deepStrictEqual(alone.mean[0], together.mean[row]);
        }
      },
    },
    {
      name: 'gives the same predictions for the same pairs, options and seed',
      run: async () => {
        const batch = drawBatch(50, 5);
        const [first, second] = [await fit(drawPairs(bounded)), await fit(drawPairs(bounded))];
        deepStrictEqual(await first.predict(batch), await second.predict(batch));
      },
    },
    {
      name: 'gives bit-equal predictions after save and load, and after a second time',
      run: async () => {
        const batch = drawBatch(50, 6);
        const fitted = await fit(drawPairs(bounded));
        const loaded = await predictor.load(fitted.save());
        const again = await predictor.load(loaded.save());
        const expected = await fitted.predict(batch);
        deepStrictEqual(await loaded.predict(batch), expected);
        deepStrictEqual(await again.predict(batch), expected);
      },
    },
    {
      name: 'accepts the smallest number of pairs that it declares',
      run: async () => {
        const { mean } = await (await fit(drawPairs(predictor.pairs.least))).predict(drawBatch(5, 8));
        ok(mean.every(Number.isFinite), 'every mean must be finite');
      },
    },
    {
      of: 'here',
      name: 'learns from its pairs: predictions rise with labels that are 10 higher',
      run: async () => {
        const [pairs, batch] = [drawPairs(Math.min(30, predictor.pairs.most)), drawBatch(20, 13)];
        const [low, high] = [
          await fit(pairs),
          await fit({ ...pairs, targets: pairs.targets.map((target) => target + 10) }),
        ];
        const before = (await low.predict(batch)).mean;
        const rises = (await high.predict(batch)).mean.map((value, row) => value - (before[row] ?? Number.NaN));
        ok(
          rises.every((rise) => rise > 5),
          "the predictions do not depend on the labels: a predictor that was fitted elsewhere must say so (learns: 'elsewhere')",
        );
      },
    },
    {
      of: 'elsewhere',
      name: 'gives the same predictions whatever the labels, since it was fitted elsewhere',
      run: async () => {
        const [pairs, batch] = [drawPairs(Math.min(30, predictor.pairs.most)), drawBatch(20, 13)];
        const [low, high] = [
          await fit(pairs),
          await fit({ ...pairs, targets: pairs.targets.map((target) => target + 10) }),
        ];
        deepStrictEqual(await high.predict(batch), await low.predict(batch));
      },
    },
    {
      of: 'here',
      name: 'predicts a constant if all labels are equal',
      run: async () => {
        const pairs = drawPairs(Math.min(30, predictor.pairs.most));
        const { mean } = await (await fit({ ...pairs, targets: pairs.targets.map(() => 3.25) })).predict(
          drawBatch(5, 9),
        );
        for (const value of mean) ok(Math.abs(value - 3.25) < 1e-6, `predicts ${value} though every label is 3.25`);
      },
    },
    {
      name: 'accepts equal rows with different labels, as measurements are, and a dimension that never changes',
      run: async () => {
        const pairs = drawPairs(Math.min(40, predictor.pairs.most));
        const rates = pairs.rates.map((rate, index) => (index % DIMENSIONS === 2 ? 0.25 : rate));
        rates.copyWithin(0, DIMENSIONS, 2 * DIMENSIONS);
        const { mean } = await (await fit({ ...pairs, rates })).predict(drawBatch(5, 10));
        ok(mean.every(Number.isFinite), 'every mean must be finite');
      },
    },
    {
      name: 'leaves its pairs and batches as they were',
      run: async () => {
        const [pairs, batch] = [drawPairs(bounded), drawBatch(20, 11)];
        await (await fit(pairs)).predict(batch);
        deepStrictEqual(pairs, drawPairs(bounded));
        deepStrictEqual(batch, drawBatch(20, 11));
      },
    },
  ];
  return checks.filter(({ of }) => of === undefined || of === (predictor.learns ?? 'here'));
}

const DIMENSIONS = 6;
const WEIGHTS = [1.5, 0.2, 0.9, 0.4, 2.2, 0.1] as const;

function drawBatch(rows: number, seed: number): EncodingBatch {
  const rng: Rng = createRng(seed);
  return { rates: Float32Array.from({ length: rows * DIMENSIONS }, () => 0.5 * rng.uniform()), columns: DIMENSIONS };
}

function drawPairs(count: number): PairTable {
  const batch = drawBatch(count, 1);
  const rng = createRng(12);
  return {
    dimensions: WEIGHTS.map((_, layer) => `layers.${layer}.ffn_channels`),
    rates: batch.rates,
    targets: truthOf(batch).map((value) => value + 0.01 * (rng.uniform() - 0.5)),
  };
}

/** A log-perplexity that rises with every rate, and faster at higher rates. */
function truthOf(batch: EncodingBatch): Float64Array {
  return Float64Array.from({ length: countRows(batch) }, (_, row) =>
    WEIGHTS.reduce((sum, weight, column) => {
      const rate = batch.rates[row * DIMENSIONS + column] as number;
      return sum + weight * (0.5 * rate + rate * rate);
    }, 3),
  );
}
