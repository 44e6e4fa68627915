import { didYouMean } from '../../core/errors/nearest.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { RateRange } from '../../core/space/count-rule.js';
import { measureEffects, type EffectCurve } from '../../core/statistics/explain.js';
import type { ExplainPredictorRequest, ExplainPredictorResponse } from '../../gen/prunecast/v1/predictor.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import { DEFAULT_CURVE_POINTS } from '../requests/defaults.js';
import { requireInteger, requireText } from '../requests/fields.js';
import type { FittedPredictors } from './fitted-predictors.js';
import type { OpenMetric, OpenPredictor } from './open-predictor.js';

/** The most pairs that a curve is averaged over; thousands more would change little and take minutes. */
const MOST_ROWS = 200;

/**
 * How each dimension affects a predictor: importances found on held-out pairs at the time of the fit, and effect curves
 * of the final fit between the lowest and the highest rate of its pairs.
 *
 * @throws PrunecastError PREDICTOR_NOT_FOUND, PREDICTOR_FAILED, INVALID_REQUEST, MESSAGE_TOO_LARGE, or the signal's
 * reason
 */
export async function explainPredictor(
  { predictors }: { readonly predictors: FittedPredictors },
  request: ExplainPredictorRequest,
  signal: AbortSignal,
): Promise<ExplainPredictorResponse> {
  const points =
    request.points === 0 ? DEFAULT_CURVE_POINTS : requireInteger(request.points, 'points', { min: 2, max: 101 });
  const open = await predictors.open(requireText(request.predictorId, 'predictor_id'), signal);
  const { dimensions, minRates, maxRates } = open.predictor;
  requireRoom(dimensions, points);
  const ranges = dimensions.map((_, index) => ({ minRate: minRates[index] ?? 0, maxRate: maxRates[index] ?? 1 }));
  const place = findMetricPlace(open, request.metric);
  const effects = await traceEffects(predictors, open, place, { ranges, points, signal });
  const importances = await readImportances(predictors, open, place);
  return {
    dimensions: dimensions.map((dimension, index) => ({
      dimension,
      permutationImportance: importances[index] ?? 0,
      rates: [...(effects[index]?.rates ?? [])],
      effect: [...(effects[index]?.values ?? [])],
    })),
  };
}

/** Bytes per point of a curve: its rate and its effect. */
const POINT_BYTES = 2 * 8;

/** Bytes per dimension besides its name and points: its importance, and the messages around the lists. */
const DIMENSION_BYTES = 32;

/** Refuses curves whose answer would not fit a message, before they are traced. */
function requireRoom(dimensions: readonly string[], points: number): void {
  const fixed = dimensions.reduce((sum, name) => sum + Buffer.byteLength(name) + DIMENSION_BYTES, 0);
  const most = Math.floor((MAX_MESSAGE_BYTES - fixed) / (POINT_BYTES * dimensions.length));
  if (points > most)
    throw PrunecastError.ofField(
      'points',
      `is ${points}; curves of ${dimensions.length} dimensions fit a message with at most ${most} points each`,
      'MESSAGE_TOO_LARGE',
    );
}

/** The position of a metric among the predictor's own; 0 for a predictor without metrics. Throws INVALID_REQUEST. */
export function findMetricPlace({ predictor: { id, metrics } }: OpenPredictor, metric: string): number {
  const place = metric === '' ? 0 : metrics.indexOf(metric);
  if (place < 0)
    throw PrunecastError.ofField(
      'metric',
      `is "${metric}"; the predictor ${id} is of ${metrics.join(', ')}${didYouMean(metric, metrics)}`,
    );
  return place;
}

/** The importances of a metric, dimension by dimension. */
export async function readImportances(
  predictors: FittedPredictors,
  { predictor: { id, dimensions, metrics } }: OpenPredictor,
  place: number,
): Promise<Float64Array> {
  const { importances } = await predictors.evidence(id);
  const columns = importances.length / metrics.length; // columns of recipes follow those of rates, if there are several
  return importances.slice(place * columns, place * columns + dimensions.length);
}

export interface EffectRequest {
  /** The curves to trace, one per range. */
  readonly ranges: readonly RateRange[];
  /** Points per curve. @default 5 */
  readonly points?: number;
  /** Ends the work. */
  readonly signal: AbortSignal;
}

/**
 * Effect curves of the final fit of a metric, one per range, averaged over its own pairs (at most `MOST_ROWS`, evenly
 * spread).
 */
export async function traceEffects(
  predictors: FittedPredictors,
  { predictor, metrics }: OpenPredictor,
  place: number,
  { ranges, points, signal }: EffectRequest,
): Promise<EffectCurve[]> {
  const { rates } = await predictors.evidence(predictor.id);
  const columns = rates.length / predictor.pairs; // columns of recipes follow those of rates, if there are several
  return measureEffects(
    async (batch) => {
      signal.throwIfAborted();
      return (await (metrics[place] as OpenMetric).fitted.predict(batch, { signal })).mean;
    },
    { rates: spreadRows(rates, columns), columns },
    ranges,
    points,
  );
}

function spreadRows(rates: Float32Array, columns: number): Float32Array {
  const rows = rates.length / columns;
  if (rows <= MOST_ROWS) return rates;
  const chosen = new Float32Array(MOST_ROWS * columns);
  for (let place = 0; place < MOST_ROWS; place++) {
    const row = Math.floor((place * rows) / MOST_ROWS);
    chosen.set(rates.subarray(row * columns, (row + 1) * columns), place * columns);
  }
  return chosen;
}
