import type { PairTable } from '../../core/pairs.js';
import { kendallTau, spearman } from '../../core/statistics/rank-correlation.js';
import { mae, r2, rmse, regretAtK, topKRecall } from '../../core/statistics/prediction-error.js';

/** How well a predictor does on pairs it was not fitted on; errors are in the unit of the fit. */
export interface FitQuality {
  /** How it was split: `holdout 7:3`, `5-fold`; `unseen` for pairs that a predictor fitted elsewhere has not seen. */
  readonly split: string;
  /** Pairs of a fit; 0 for a predictor fitted elsewhere. */
  readonly fitted: number;
  readonly heldOut: number;
  /** Kendall's tau-b; NaN if all labels or all predictions are equal. */
  readonly kendallTau: number;
  readonly spearman: number;
  readonly r2: number;
  readonly mae: number;
  readonly rmse: number;
  /** The share of the truly best 10 that are among the predicted best 10. */
  readonly top10Recall: number;
  readonly regretAt1: number;
  readonly regretAt10: number;
}

/**
 * The quality of a fit from held-out pairs and their predictions, row by row. The lowest are the best unless the metric
 * says otherwise.
 */
export function measureQuality(
  { targets: truth, metric }: Pick<PairTable, 'targets' | 'metric'>,
  predicted: Float64Array,
  { split, fitted }: Pick<FitQuality, 'split' | 'fitted'>,
): FitQuality {
  const upwards = metric?.better === 'higher';
  const [cost, predictedCost] = upwards
    ? [truth.map((value) => -value), predicted.map((value) => -value)]
    : [truth, predicted];
  return {
    split,
    fitted,
    heldOut: truth.length,
    kendallTau: kendallTau(truth, predicted),
    spearman: spearman(truth, predicted),
    r2: r2(truth, predicted),
    mae: mae(truth, predicted),
    rmse: rmse(truth, predicted),
    top10Recall: topKRecall(cost, predictedCost, Math.min(10, truth.length)),
    regretAt1: regretAtK(cost, predictedCost, 1),
    regretAt10: regretAtK(cost, predictedCost, Math.min(10, truth.length)),
  };
}
