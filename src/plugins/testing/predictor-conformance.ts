import { deepStrictEqual, ok } from 'node:assert/strict';
import { countRows, type EncodingBatch, type PairTable } from '../../core/pairs.js';
import type { FittedPredictor, Predictor, PredictorChooser } from '../../core/ports/predictor.js';
import { createRng, type Rng } from '../../core/random.js';
import { conformalHalfWidth } from '../../core/statistics/conformal.js';
import { kendallTau } from '../../core/statistics/rank-correlation.js';
import { splitFolds } from '../../core/statistics/splits.js';
import { contextsOf } from '../../plugin-host/context/plugin-context.js';
import {
  completeOptions,
  listManifestChecks,
  requireFinite,
  selectChecks,
  type ConditionalCheck,
  type ConformanceCheck,
  type ConformanceSettings,
} from './conformance-check.js';

export interface PredictorConformance extends ConformanceSettings {
  /**
   * The least Kendall tau on 200 unseen points of a smooth, additive function of 6 rates, after 150 pairs. @default 0.5
   */
  readonly leastTau?: number;
  /** The content of the files that the options name, by the names of `Predictor.files`. The pairs have 6 columns. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/**
 * The conformance kit for predictors and for what chooses one, for any test runner:
 *
 * ```ts
 * describe('my-predictor', () => {
 *   for (const { name, run } of listPredictorChecks(myPredictor)) it(name, run);
 * });
 * ```
 */
export function listPredictorChecks<Options>(
  predictor: Predictor<Options> | PredictorChooser<Options>,
  settings: PredictorConformance = {},
): readonly ConformanceCheck[] {
  return [
    ...listManifestChecks(predictor, settings),
    ...('compare' in predictor ? listChoosing(predictor, settings) : selectChecks(listFitting(predictor, settings))),
  ];
}

function listChoosing<Options>(
  chooser: PredictorChooser<Options>,
  settings: PredictorConformance,
): readonly ConformanceCheck[] {
  return [
    {
      name: 'says in how many folds which others are compared, the same for the same options',
      run: async () => {
        const compare = async () => chooser.compare(completeOptions(chooser.options, settings));
        const { folds, among } = await compare();
        ok(Number.isInteger(folds) && folds >= 2, `folds is ${folds}; a whole number from 2 on is needed`);
        ok(Array.isArray(among) && among.every((id) => typeof id === 'string'), 'among must be a list of ids');
        ok(!among.includes(chooser.id), 'it cannot choose itself');
        deepStrictEqual(await compare(), { folds, among });
      },
    },
  ];
}

function listFitting<Options>(
  predictor: Predictor<Options>,
  settings: PredictorConformance,
): readonly ConditionalCheck[] {
  const { leastTau = 0.5, files } = settings;
  const makeContext = contextsOf(predictor, undefined);
  const fit = (pairs: PairTable, seed = 7): Promise<FittedPredictor> =>
    predictor.fit(pairs, completeOptions(predictor.options, settings), seed, files, makeContext());
  const bounded = Math.min(150, predictor.pairs.most);
  let whole: Promise<FittedPredictor> | undefined;
  /** The fit on all pairs, which the checks that only ask it share. */
  const fitWhole = (): Promise<FittedPredictor> => (whole ??= fit(drawPairs(bounded)));
  const isFittedHere = predictor.learns !== 'elsewhere';
  return [
    {
      name: 'gives one finite mean per row, and one deviation per row if it has any',
      run: async () => {
        const { mean, deviation } = await (await fitWhole()).predict(drawBatch(33, 2));
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
        const { mean } = await (await fitWhole()).predict({
          rates: new Float32Array(),
          columns: DIMENSIONS,
        });
        deepStrictEqual(mean.length, 0);
      },
    },
    {
      when: isFittedHere,
      name: `ranks unseen points (Kendall tau of at least ${leastTau})`,
      run: async () => {
        const batch = drawBatch(200, 3);
        const { mean } = await (await fitWhole()).predict(batch);
        const tau = kendallTau(truthOf(batch), mean);
        ok(tau >= leastTau, `Kendall tau is ${tau}`);
      },
    },
    {
      name: 'gives a row the same prediction, alone or among others',
      run: async () => {
        const fitted = await fitWhole();
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
        const [first, second] = [await fitWhole(), await fit(drawPairs(bounded))];
        deepStrictEqual(await first.predict(batch), await second.predict(batch));
      },
    },
    {
      name: 'gives bit-equal predictions after save and load, and after a second time',
      run: async () => {
        const batch = drawBatch(50, 6);
        const fitted = await fitWhole();
        const loaded = await predictor.load(fitted.save(), makeContext());
        const again = await predictor.load(loaded.save(), makeContext());
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
      when: isFittedHere,
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
      when: !isFittedHere,
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
      when: isFittedHere,
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
    {
      when: isFittedHere && predictor.pairs.least <= LEAST_FOR_INTERVALS && predictor.pairs.most >= 50,
      name: 'has intervals that cover new labels: of those said to cover 90 %, at least 80 %',
      run: async () => {
        const pairs = drawPairs(bounded);
        const halfWidth = conformalHalfWidth(await findResiduals(pairs, fit), 0.9);
        const batch = drawBatch(400, 14);
        const labels = addNoise(truthOf(batch), 15);
        const { mean } = await (await fitWhole()).predict(batch);
        const covered = labels.filter((label, row) => Math.abs(label - (mean[row] ?? Number.NaN)) <= halfWidth).length;
        ok(
          covered >= 0.8 * labels.length,
          `${covered} of ${labels.length} new labels lie within ${halfWidth} of their predictions: the errors on pairs left out of a fit do not tell those on new ones, as if fits knew of each other`,
        );
      },
    },
  ];
}

/** With fewer pairs there is no interval at 90 %. */
const LEAST_FOR_INTERVALS = 9;

/** As a server finds them: each label minus the prediction of a fit on the other four fifths of the pairs. */
async function findResiduals(
  pairs: PairTable,
  fit: (pairs: PairTable) => Promise<FittedPredictor>,
): Promise<Float64Array> {
  const columns = pairs.dimensions.length;
  const ratesOf = (rows: readonly number[]): Float32Array =>
    Float32Array.from(rows.flatMap((row) => [...pairs.rates.subarray(row * columns, (row + 1) * columns)]));
  const residuals = new Float64Array(pairs.targets.length);
  for (const split of splitFolds(pairs.targets.length, 5, createRng(16))) {
    const fitted = await fit({
      ...pairs,
      rates: ratesOf(split.fit),
      targets: Float64Array.from(split.fit, (row) => pairs.targets[row] as number),
    });
    const { mean } = await fitted.predict({ rates: ratesOf(split.holdOut), columns });
    split.holdOut.forEach((row, place) => {
      residuals[row] = (pairs.targets[row] as number) - (mean[place] ?? Number.NaN);
    });
  }
  requireFinite(residuals, 'what is left of the labels');
  return residuals;
}

const DIMENSIONS = 6;
const WEIGHTS = [1.5, 0.2, 0.9, 0.4, 2.2, 0.1] as const;

function drawBatch(rows: number, seed: number): EncodingBatch {
  const rng: Rng = createRng(seed);
  return { rates: Float32Array.from({ length: rows * DIMENSIONS }, () => 0.5 * rng.uniform()), columns: DIMENSIONS };
}

function drawPairs(count: number): PairTable {
  const batch = drawBatch(count, 1);
  return {
    dimensions: WEIGHTS.map((_, layer) => `layers.${layer}.ffn_channels`),
    rates: batch.rates,
    targets: addNoise(truthOf(batch), 12),
  };
}

function addNoise(values: Float64Array, seed: number): Float64Array {
  const rng = createRng(seed);
  return values.map((value) => value + 0.01 * (rng.uniform() - 0.5));
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
