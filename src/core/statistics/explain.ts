import { countRows, type EncodingBatch } from '../pairs.js';
import type { Rng } from '../random.js';
import { rmse } from './prediction-error.js';

/** Predicts the mean of each row, on the scale of the fit; any fitted predictor does. */
export type PredictMeans = (batch: EncodingBatch) => Promise<Float64Array>;

/** The predicted value as one dimension moves through its range and all others stay. */
export interface EffectCurve {
  /** Ascending. */
  readonly rates: readonly number[];
  /** At each rate of the dimension, the mean prediction over the rows. */
  readonly values: readonly number[];
}

/**
 * Permutation importances (Breiman, "Random Forests", 2001; Fisher et al., arXiv 1801.01489): for each dimension, how
 * much the root mean squared error rises when its column is shuffled among the rows; the mean of `repeats` shuffles. In
 * the unit of the targets; may be below 0 by chance. The predictor should not have been fitted on the rows.
 */
export async function measureImportances(
  predict: PredictMeans,
  batch: EncodingBatch,
  targets: ArrayLike<number>,
  { rng, repeats = 5 }: { readonly rng: Rng; readonly repeats?: number },
): Promise<Float64Array> {
  const rows = countRows(batch);
  const baseline = rmse(targets, await predict(batch));
  const importances = new Float64Array(batch.columns);
  const order = Array.from({ length: rows }, (_, row) => row);
  for (let column = 0; column < batch.columns; column++) {
    const random = rng.fork(`importance/${column}`);
    const copies = Float32Array.from(
      { length: repeats * batch.rates.length },
      (_, index) => batch.rates[index % batch.rates.length] as number,
    );
    for (let repeat = 0; repeat < repeats; repeat++) {
      random.shuffle(order).forEach((from, to) => {
        copies[(repeat * rows + to) * batch.columns + column] = batch.rates[from * batch.columns + column] as number;
      });
    }
    const means = await predict({ rates: copies, columns: batch.columns });
    for (let repeat = 0; repeat < repeats; repeat++) {
      importances[column] =
        (importances[column] as number) +
        (rmse(targets, means.subarray(repeat * rows, (repeat + 1) * rows)) - baseline) / repeats;
    }
  }
  return importances;
}

/**
 * Effect curves (partial dependence; Friedman, "Greedy Function Approximation", 2001): for each dimension the mean
 * prediction over the rows with that dimension set to each of `points` rates from its least to its most.
 *
 * @param ranges the ends of each dimension's rates
 */
export async function measureEffects(
  predict: PredictMeans,
  batch: EncodingBatch,
  ranges: readonly { readonly minRate: number; readonly maxRate: number }[],
  points = 5,
): Promise<EffectCurve[]> {
  const rows = countRows(batch);
  const curves: EffectCurve[] = [];
  const pointsAtATime = Math.max(1, Math.floor(MOST_CELLS / batch.rates.length));
  for (const [column, { minRate, maxRate }] of ranges.entries()) {
    const rates =
      minRate === maxRate
        ? [minRate]
        : Array.from({ length: points }, (_, point) => minRate + ((maxRate - minRate) * point) / (points - 1));
    const values: number[] = [];
    for (let from = 0; from < rates.length; from += pointsAtATime) {
      const some = rates.slice(from, from + pointsAtATime);
      const means = await predict({ rates: repeat(batch, some, column), columns: batch.columns });
      values.push(
        ...some.map(
          (_, point) => means.subarray(point * rows, (point + 1) * rows).reduce((sum, value) => sum + value, 0) / rows,
        ),
      );
    }
    curves.push({ rates, values });
  }
  return curves;
}

/** The most numbers predicted at a time: 4 MiB, built in a few milliseconds. */
const MOST_CELLS = 2 ** 20;

/** The rows once for each rate, with that rate in one column. */
function repeat({ rates, columns }: EncodingBatch, at: readonly number[], column: number): Float32Array {
  const copies = new Float32Array(at.length * rates.length);
  at.forEach((rate, place) => {
    const copy = copies.subarray(place * rates.length, (place + 1) * rates.length);
    copy.set(rates);
    for (let index = column; index < copy.length; index += columns) copy[index] = rate;
  });
  return copies;
}

/** The change of the value per unit of rate from one end of a curve to the other; 0 for a single point. */
export function slopeOf({ rates, values }: EffectCurve): number {
  const run = (rates.at(-1) ?? 0) - (rates[0] ?? 0);
  return run === 0 ? 0 : ((values.at(-1) ?? 0) - (values[0] ?? 0)) / run;
}
