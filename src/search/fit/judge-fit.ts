import type { EncodingBatch, PairTable } from '../../core/pairs.js';
import type { FittedPredictor } from '../../core/ports/predictor.js';
import type { Rng } from '../../core/random.js';
import { measureEffects, measureImportances, type EffectCurve } from '../../core/statistics/explain.js';
import { splitHoldOut } from '../../core/statistics/splits.js';
import { measureQuality, type FitQuality } from './fit-quality.js';

/** What is known of a predictor from pairs that it was not fitted on. */
export interface FitJudgement {
  /**
   * undefined if there is no such pair: the predictor was fitted elsewhere, and no pairs are known that it has not
   * seen.
   */
  readonly quality: FitQuality | undefined;
  /**
   * How much the error on those pairs rises when a dimension's column is shuffled, in the unit of the fit, dimension by
   * dimension; on all pairs if there is none.
   */
  readonly importances: readonly number[];
  readonly effects: readonly EffectCurve[];
}

export interface JudgeOptions extends ExplainOptions {
  readonly fit: (pairs: PairTable) => Promise<FittedPredictor>;
}

export interface ExplainOptions {
  /** The rates between which each dimension's effect is measured. */
  readonly ranges: readonly { readonly minRate: number; readonly maxRate: number }[];
  readonly rng: Rng;
}

/** The paper's split: 7 parts to fit on, 3 to judge on. */
export const HELD_OUT_SHARE = 0.3;

/**
 * Rows on which importances and effects are measured. With thousands of imported pairs more rows take minutes and tell
 * no more.
 */
const MOST_EXPLAINED = 200;

/**
 * Fits on 7 of 10 pairs and judges on the other 3. Importances are measured on the held-out pairs, effects on all, each
 * on at most `MOST_EXPLAINED`.
 */
export async function judgeFit(pairs: PairTable, { fit, ranges, rng }: JudgeOptions): Promise<FitJudgement> {
  const split = splitHoldOut(pairs.targets.length, HELD_OUT_SHARE, rng.fork('split'));
  const fitted = await fit(selectPairs(pairs, split.fit));
  const held = selectPairs(pairs, split.holdOut);
  const predict = async (batch: EncodingBatch): Promise<Float64Array> => (await fitted.predict(batch)).mean;
  const quality = measureQuality(held, await predict({ rates: held.rates, columns: pairs.dimensions.length }), {
    split: 'holdout 7:3',
    fitted: split.fit.length,
  });
  return { quality, ...(await explain(pairs, held, { predict, ranges, rng })) };
}

/** What is known of a predictor that was fitted elsewhere, and its residuals, from the pairs that it has not seen. */
export interface UnseenJudgement extends FitJudgement {
  /** Label minus prediction of those pairs, on the scale of the fit. */
  readonly residuals: Float64Array;
}

/**
 * Judges a predictor that was fitted elsewhere on the pairs that it has not seen, of which there may be none. Effects
 * are measured on all pairs.
 *
 * @param unseen rows of the pairs, in ascending order
 */
export async function judgeUnseen(
  pairs: PairTable,
  unseen: readonly number[],
  fitted: FittedPredictor,
  { ranges, rng }: ExplainOptions,
): Promise<UnseenJudgement> {
  const held = selectPairs(pairs, unseen);
  const predict = async (batch: EncodingBatch): Promise<Float64Array> => (await fitted.predict(batch)).mean;
  const predicted =
    unseen.length === 0 ? undefined : await predict({ rates: held.rates, columns: pairs.dimensions.length });
  return {
    quality: predicted && measureQuality(held, predicted, { split: 'unseen', fitted: 0 }),
    residuals:
      predicted === undefined
        ? new Float64Array(0)
        : held.targets.map((target, row) => target - (predicted[row] ?? Number.NaN)),
    ...(await explain(pairs, unseen.length === 0 ? pairs : held, { predict, ranges, rng })),
  };
}

interface Explained extends Pick<ExplainOptions, 'ranges' | 'rng'> {
  readonly predict: (batch: EncodingBatch) => Promise<Float64Array>;
}

async function explain(
  pairs: PairTable,
  held: PairTable,
  { predict, ranges, rng }: Explained,
): Promise<Omit<FitJudgement, 'quality'>> {
  const columns = pairs.dimensions.length;
  const judged = spread(held);
  return {
    importances: [
      ...(await measureImportances(predict, { rates: judged.rates, columns }, judged.targets, {
        rng: rng.fork('importances'),
      })),
    ],
    effects: await measureEffects(predict, { rates: spread(pairs).rates, columns }, ranges),
  };
}

/** Some rows of a table, in the order given. */
export function selectPairs(pairs: PairTable, rows: readonly number[]): PairTable {
  const { dimensions, rates, targets } = pairs;
  const columns = dimensions.length;
  const chosen = new Float32Array(rows.length * columns);
  rows.forEach((row, place) => chosen.set(rates.subarray(row * columns, (row + 1) * columns), place * columns));
  return { ...pairs, rates: chosen, targets: Float64Array.from(rows, (row) => targets[row] ?? Number.NaN) };
}

/** At most `MOST_EXPLAINED` pairs, evenly spread. */
function spread(pairs: PairTable): PairTable {
  const count = Math.min(MOST_EXPLAINED, pairs.targets.length);
  return selectPairs(
    pairs,
    Array.from({ length: count }, (_, place) => Math.floor((place * pairs.targets.length) / count)),
  );
}
