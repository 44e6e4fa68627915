import type { PairTable } from '../../core/pairs.js';
import type { FittedPredictor } from '../../core/ports/predictor.js';
import type { Rng } from '../../core/random.js';
import { splitFolds, type Split } from '../../core/statistics/splits.js';
import { selectPairs } from './judge-fit.js';

export interface FoldOptions<Fitted extends FittedPredictor = FittedPredictor> {
  readonly fit: (pairs: PairTable) => Promise<Fitted>;
  /** Called with each fold's predictor after it has answered, to end its thread for example. */
  readonly release?: (fitted: Fitted) => void;
  readonly folds: number;
  readonly rng: Rng;
}

/**
 * The prediction of every pair by a fit on the other folds alone, in the order of the pairs. Label minus prediction
 * gives the residuals for `conformalHalfWidth`. All folds are fitted at once, as far as `fit` allows; if some fail, the
 * error is that of the first fold that did, after all have ended.
 */
export async function predictOutOfFold<Fitted extends FittedPredictor>(
  pairs: PairTable,
  { fit, release, folds, rng }: FoldOptions<Fitted>,
): Promise<Float64Array> {
  const rows = pairs.targets.length;
  const predicted = new Float64Array(rows);
  const predictFold = async (split: Split): Promise<void> => {
    const fitted = await fit(selectPairs(pairs, split.fit));
    try {
      const { mean } = await fitted.predict({
        rates: selectPairs(pairs, split.holdOut).rates,
        columns: pairs.dimensions.length,
      });
      split.holdOut.forEach((row, place) => {
        predicted[row] = mean[place] ?? Number.NaN;
      });
    } finally {
      release?.(fitted);
    }
  };
  const ended = await Promise.allSettled(splitFolds(rows, Math.min(folds, rows), rng).map(predictFold));
  for (const fold of ended) if (fold.status === 'rejected') throw fold.reason;
  return predicted;
}
