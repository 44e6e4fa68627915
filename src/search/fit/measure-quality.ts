import { kendallTau, spearman } from '../../core/statistics/rank-correlation.js';
import { mae, r2, rmse } from '../../core/statistics/regression-error.js';
import { regretAtK, topKRecall } from '../../core/statistics/top-k.js';
import type { FitQuality } from './fit-quality.js';

/** All metrics of a fit from the labels of held-out pairs and their predictions, row by row. */
export function measureQuality(truth: Float64Array, predicted: Float64Array, { split, fitted }: Pick<FitQuality, 'split' | 'fitted'>): FitQuality {
  return {
    split,
    fitted,
    heldOut: truth.length,
    kendallTau: kendallTau(truth, predicted),
    spearman: spearman(truth, predicted),
    r2: r2(truth, predicted),
    mae: mae(truth, predicted),
    rmse: rmse(truth, predicted),
    top10Recall: topKRecall(truth, predicted, Math.min(10, truth.length)),
    regretAt1: regretAtK(truth, predicted, 1),
    regretAt10: regretAtK(truth, predicted, Math.min(10, truth.length)),
  };
}
