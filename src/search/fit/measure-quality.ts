import { kendallTau, spearman } from '../../core/statistics/rank-correlation.js';
import { mae, r2, rmse } from '../../core/statistics/regression-error.js';
import { regretAtK, topKRecall } from '../../core/statistics/top-k.js';
import type { PairTable } from '../../core/pairs.js';
import type { FitQuality } from './fit-quality.js';

/** All metrics of a fit from held-out pairs and their predictions, row by row; the best are the lowest unless the metric says otherwise. */
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
