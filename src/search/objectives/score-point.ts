import { measureCounts } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { Prediction } from '../../core/ports/predictor.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';
import type { MetricLimit, Objective, Objectives, Quantity } from './objectives.js';

/** The objectives' values of a point; lower is always better. */
export interface PointScore {
  /** One value per objective. */
  readonly values: readonly number[];
  /** By how much limits are missed, as shares of them on a linear scale, else in natural logarithms; 0 if all are met. */
  readonly violation: number;
}

/** Metrics of a point by name, in their own units. */
export type Metrics = Readonly<Record<string, number>>;

/** What is on a logarithmic scale and 0 or below counts as this. */
const LEAST = 1e-9;

/** The score of a measured point; NaN or infinite if a metric is missing or not finite. */
export function scoreMeasured(
  objectives: Objectives,
  space: SearchSpace,
  { counts, metrics }: { readonly counts: Counts; readonly metrics: Metrics },
): PointScore {
  return scorePoint(objectives, space, counts, (metric) => toScale(metric, metrics[metric.name] ?? Number.NaN));
}

/**
 * The scores of predicted points, and each objective's deviation if it has one. `predictions` are by metric, on the
 * scale of the fit.
 */
export function scorePredicted(
  objectives: Objectives,
  space: SearchSpace,
  points: readonly Counts[],
  predictions: Readonly<Record<string, Prediction>>,
) {
  const scores = points.map((counts, row) =>
    scorePoint(objectives, space, counts, ({ name }) => predictions[name]?.mean[row] ?? Number.NaN),
  );
  return {
    scores,
    deviations: objectives.objectives.map((objective) => deviationOf(objective, points.length, predictions)),
  };
}

/** @param valueOf a metric on its own scale */
function scorePoint(
  { objectives, limits }: Objectives,
  space: SearchSpace,
  counts: Counts,
  valueOf: (metric: MetricDefinition) => number,
): PointScore {
  const measure = (quantity: Quantity): number =>
    quantity.kind === 'metric'
      ? signOf(quantity.metric) * valueOf(quantity.metric)
      : logOf(measureCounts(createCostModel(space.shape, quantity.cost), space, counts));
  const miss = ({ metric, limit }: MetricLimit): number => {
    const difference = signOf(metric) * (valueOf(metric) - toScale(metric, limit));
    // A limit of 0 has no shares.
    const excess = metric.scale === 'log' || limit === 0 ? difference : difference / Math.abs(limit);
    return excess <= 0 ? 0 : Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess;
  };
  return {
    values: objectives.map(({ terms }) =>
      terms.reduce((sum, { quantity, weight }) => sum + weight * measure(quantity), 0),
    ),
    violation: limits.reduce((sum, limit) => sum + miss(limit), 0),
  };
}

/** The deviation of an objective from those of its metrics, taken as independent; undefined if none has one. */
function deviationOf(
  { terms }: Objective,
  points: number,
  predictions: Readonly<Record<string, Prediction>>,
): Float64Array | undefined {
  const parts = terms.flatMap(({ quantity, weight }) => {
    if (quantity.kind === 'cost') return [];
    const { deviation } = predictions[quantity.metric.name] ?? {};
    return deviation === undefined ? [] : [{ weight, deviation }];
  });
  if (parts.length === 0) return undefined;
  return Float64Array.from({ length: points }, (_, row) =>
    Math.hypot(...parts.map(({ weight, deviation }) => weight * (deviation[row] ?? 0))),
  );
}

/** A metric in its own unit as the fit and objectives have it. */
function toScale({ scale }: MetricDefinition, value: number): number {
  return scale === 'log' ? logOf(value) : value;
}

function logOf(value: number): number {
  return Math.log(value < LEAST ? LEAST : value);
}

function signOf({ better }: MetricDefinition): 1 | -1 {
  return better === 'lower' ? 1 : -1;
}
