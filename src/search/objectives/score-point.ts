import { measureCounts } from '../../core/budget/cost-model.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { Prediction } from '../../core/ports/predictor.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';
import type { Floor, Objective, Objectives, Quantity } from './objectives.js';
import { createCostModel } from '../../core/budget/cost-spec.js';

/** What objectives make of a point; lower is better in everything. */
export interface PointScore {
  /** One value an objective. */
  readonly values: readonly number[];
  /** By how much floors are missed, as natural logarithms added up; 0 where all are met. */
  readonly violation: number;
}

/** Metrics of a point by name, in their own units. */
export type Metrics = Readonly<Record<string, number>>;

/** Metrics that are 0 or below, which no weighing of ratios can take, count as this. */
const LEAST = 1e-9;

/** The score of a measured point; NaN or infinite where a metric is missing or no finite number. */
export function scoreMeasured(
  objectives: Objectives,
  space: SearchSpace,
  { counts, metrics }: { readonly counts: Counts; readonly metrics: Metrics },
): PointScore {
  return scorePoint(objectives, space, counts, (metric) => logOf(metrics[metric.name] ?? Number.NaN));
}

/** The scores of predicted points, `predictions` by metric on the scale of the fit, and each objective's deviation where it has one. */
export function scorePredicted(
  objectives: Objectives,
  space: SearchSpace,
  points: readonly Counts[],
  predictions: Readonly<Record<string, Prediction>>,
) {
  const scores = points.map((counts, row) =>
    scorePoint(objectives, space, counts, (metric) =>
      predictLog(metric, predictions[metric.name]?.mean[row] ?? Number.NaN),
    ),
  );
  return {
    scores,
    deviations: objectives.objectives.map((objective) => deviationOf(objective, points.length, predictions)),
  };
}

function scorePoint(
  { objectives, floors }: Objectives,
  space: SearchSpace,
  counts: Counts,
  logMetric: (metric: MetricDefinition) => number,
): PointScore {
  const logQuantity = (quantity: Quantity): number =>
    quantity.kind === 'metric'
      ? signOf(quantity.metric) * logMetric(quantity.metric)
      : logOf(measureCounts(createCostModel(space.shape, quantity.cost), space, counts));
  const miss = ({ metric, limit }: Floor): number => {
    const excess = signOf(metric) * (logMetric(metric) - logOf(limit));
    return excess <= 0 ? 0 : Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess;
  };
  return {
    values: objectives.map(({ terms }) =>
      terms.reduce((sum, { quantity, weight }) => sum + weight * logQuantity(quantity), 0),
    ),
    violation: floors.reduce((sum, floor) => sum + miss(floor), 0),
  };
}

/** The deviation of an objective from those of its metrics, as if independent; undefined where none has one. */
function deviationOf(
  { terms }: Objective,
  points: number,
  predictions: Readonly<Record<string, Prediction>>,
): Float64Array | undefined {
  const parts = terms.flatMap(({ quantity, weight }) => {
    if (quantity.kind === 'cost') return [];
    const { mean, deviation } = predictions[quantity.metric.name] ?? {};
    return mean === undefined || deviation === undefined
      ? []
      : [{ weight, scale: quantity.metric.scale, mean, deviation }];
  });
  if (parts.length === 0) return undefined;
  const partAt = ({ weight, scale, mean, deviation }: (typeof parts)[number], row: number): number =>
    // The logarithm of a value with a small relative error has that error as its own.
    (weight * (deviation[row] ?? 0)) / (scale === 'log' ? 1 : Math.max(LEAST, Math.abs(mean[row] ?? 0)));
  return Float64Array.from({ length: points }, (_, row) => Math.hypot(...parts.map((part) => partAt(part, row))));
}

function predictLog({ scale }: MetricDefinition, value: number): number {
  return scale === 'log' ? value : logOf(value);
}

function logOf(value: number): number {
  return Math.log(value < LEAST ? LEAST : value);
}

function signOf({ better }: MetricDefinition): 1 | -1 {
  return better === 'lower' ? 1 : -1;
}
