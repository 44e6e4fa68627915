import type { MetricDefinition } from '../../core/metric.js';
import type { FitEvidence } from '../../core/ports/predictor-store.js';
import { conformalHalfWidth } from '../../core/statistics/conformal.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import type { DimensionImportance, PredictedLabel, StudyOverview } from '../../gen/prunecast/v1/study.js';
import { INTERVAL_COVERAGE } from '../predictors/predict-metrics.js';
import type { PredictorRecords } from '../records/predictor-records.js';
import { MOST_SHOWN_LABELS } from './list-labels.js';
import { selectEvenly } from './select-evenly.js';

/**
 * What a study's newest predictor of a metric says of pairs that it was not fitted on, and how much each dimension
 * matters to it. Both are empty before the first fit, and for a predictor that was stored without its pairs.
 */
export async function readPredictions(
  predictors: PredictorRecords,
  metric: MetricDefinition,
  predictorIds: readonly string[],
): Promise<Pick<StudyOverview, 'predictedLabels' | 'predictedLabelsLeftOut' | 'importances'>> {
  for (const id of predictorIds.toReversed()) {
    const { predictor } = await predictors.get(id);
    const place = predictor.metrics.indexOf(metric.name);
    const evidence = place < 0 ? undefined : await predictors.evidence(id);
    if (evidence !== undefined) {
      const predictedLabels = pairLabels(evidence, { predictor, place, metric });
      const known = predictedLabels.length === 0 ? 0 : countPairs(evidence, predictor);
      return {
        predictedLabels,
        predictedLabelsLeftOut: known - predictedLabels.length,
        importances: sortImportances(evidence, predictor, place),
      };
    }
  }
  return { predictedLabels: [], predictedLabelsLeftOut: 0, importances: [] };
}

/** Each label beside its prediction by fits on other pairs; none if such predictions are not known of every pair. */
function pairLabels(
  { targets, residuals }: FitEvidence,
  { predictor, place, metric }: { predictor: Predictor; place: number; metric: MetricDefinition },
): PredictedLabel[] {
  if (residuals.length !== targets.length) return [];
  const count = countPairs({ targets }, predictor);
  const own = residuals.subarray(place * count, (place + 1) * count);
  const halfWidth = conformalHalfWidth(own, INTERVAL_COVERAGE);
  const inOwnUnit = metric.scale === 'log' ? Math.exp : (value: number) => value;
  return selectEvenly([...own.keys()], MOST_SHOWN_LABELS).map((row) => {
    const target = targets[place * count + row] ?? Number.NaN;
    const predicted = target - (own[row] ?? Number.NaN);
    const hasInterval = Number.isFinite(halfWidth);
    return {
      measured: inOwnUnit(target),
      predicted: inOwnUnit(predicted),
      low: hasInterval ? inOwnUnit(predicted - halfWidth) : undefined,
      high: hasInterval ? inOwnUnit(predicted + halfWidth) : undefined,
    };
  });
}

function countPairs({ targets }: Pick<FitEvidence, 'targets'>, { metrics }: Predictor): number {
  return targets.length / metrics.length;
}

function sortImportances(
  { importances }: FitEvidence,
  { dimensions, metrics }: Predictor,
  place: number,
): DimensionImportance[] {
  const columns = importances.length / metrics.length; // columns of recipes follow those of rates, if there are several
  return dimensions
    .map((dimension, column) => ({ dimension, importance: importances[place * columns + column] ?? 0 }))
    .sort((a, b) => b.importance - a.importance);
}
