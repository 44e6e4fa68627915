import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { RateRange } from '../../core/space/count-rule.js';
import { measureEffects, type EffectCurve } from '../../core/statistics/explain.js';
import type { ExplainPredictorRequest, ExplainPredictorResponse } from '../../gen/prunecast/v1/predictor.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import { DEFAULT_CURVE_POINTS } from '../requests/defaults.js';
import { requireInteger, requireText } from '../requests/fields.js';
import type { FittedPredictors, OpenMetric, OpenPredictor } from './fitted-predictors.js';

/** Pairs that a curve is the mean over; thousands of imported ones would say no more and take minutes. */
const MOST_ROWS = 200;

/**
 * What each dimension does to a predictor: importances as they were found on held-out pairs at the time of the fit, and
 * effect curves of the whole fit between the least and the most rate of its pairs.
 *
 * @throws PrunecastError PREDICTOR_NOT_FOUND, PREDICTOR_FAILED, INVALID_REQUEST, MESSAGE_TOO_LARGE, or the signal's reason
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

/** Of one point of a curve: its rate and its effect. */
const POINT_BYTES = 2 * 8;

/** Of one dimension beside its name and points: its importance, and what frames the lists. */
const DIMENSION_BYTES = 32;

/** Refuses curves whose answer no message would hold, before they are traced. */
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

/** Where a metric stands among a predictor's own; 0 of none. Throws INVALID_REQUEST. */
export function findMetricPlace({ predictor: { id, metrics } }: OpenPredictor, metric: string): number {
  const place = metric === '' ? 0 : metrics.indexOf(metric);
  if (place < 0)
    throw PrunecastError.ofField('metric', `is "${metric}"; the predictor ${id} is of ${metrics.join(', ')}`);
  return place;
}

/** The importances of a metric, dimension by dimension. */
export async function readImportances(
  predictors: FittedPredictors,
  { predictor: { id, dimensions, metrics } }: OpenPredictor,
  place: number,
): Promise<Float64Array> {
  const { importances } = await predictors.evidence(id);
  const columns = importances.length / metrics.length; // recipes stand behind the rates where there are several
  return importances.slice(place * columns, place * columns + dimensions.length);
}

export interface EffectRequest {
  /** A curve each. */
  readonly ranges: readonly RateRange[];
  /** Of each curve. @default 5 */
  readonly points?: number;
  /** Ends the work. */
  readonly signal: AbortSignal;
}

/** The effect curves of a whole fit of a metric over its own pairs (at most `MOST_ROWS`, evenly spread), one a range. */
export async function traceEffects(
  predictors: FittedPredictors,
  { predictor, metrics }: OpenPredictor,
  place: number,
  { ranges, points, signal }: EffectRequest,
): Promise<EffectCurve[]> {
  const { rates } = await predictors.evidence(predictor.id);
  const columns = rates.length / predictor.pairs; // recipes stand behind the rates where there are several
  return measureEffects(
    async (batch) => {
      signal.throwIfAborted();
      return (await (metrics[place] as OpenMetric).fitted.predict(batch, signal)).mean;
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
