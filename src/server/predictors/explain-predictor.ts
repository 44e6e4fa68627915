import { setImmediate } from 'node:timers/promises';
import type { RateRange } from '../../core/space/count-rule.js';
import { measureEffects, type EffectCurve } from '../../core/statistics/explain.js';
import type { ExplainPredictorRequest, ExplainPredictorResponse } from '../../gen/prunecast/v1/predictor.js';
import { requireInteger, requireText } from '../rpc/checks.js';
import type { FittedPredictors, OpenPredictor } from './fitted-predictors.js';

const DEFAULT_POINTS = 11;

/** Pairs that a curve is the mean over; thousands of imported ones would say no more and take minutes. */
const MOST_ROWS = 200;

/**
 * What each dimension does to a predictor: importances as they were found on held-out pairs at the time of the fit, and
 * effect curves of the whole fit between the least and the most rate of its pairs.
 *
 * @throws PrunecastError PREDICTOR_NOT_FOUND, PREDICTOR_FAILED, INVALID_REQUEST
 */
export async function explainPredictor({ predictors }: { readonly predictors: FittedPredictors }, request: ExplainPredictorRequest): Promise<ExplainPredictorResponse> {
  const points = request.points === 0 ? DEFAULT_POINTS : requireInteger(request.points, 'points', { min: 2, max: 101 });
  const open = await predictors.open(requireText(request.predictorId, 'predictor_id'));
  const { dimensions, minRates, maxRates } = open.predictor;
  const ranges = dimensions.map((_, index) => ({ minRate: minRates[index] ?? 0, maxRate: maxRates[index] ?? 1 }));
  const effects = await traceEffects(predictors, open, ranges, points);
  const { importances } = await predictors.evidence(open.predictor.id);
  return {
    dimensions: dimensions.map((dimension, index) => ({
      dimension,
      permutationImportance: importances[index] ?? 0,
      rates: [...(effects[index]?.rates ?? [])],
      effect: [...(effects[index]?.values ?? [])],
    })),
  };
}

/** The effect curves of a whole fit over its own pairs (at most `MOST_ROWS`, evenly spread), one a range. */
export async function traceEffects(
  predictors: FittedPredictors,
  { predictor, fitted }: OpenPredictor,
  ranges: readonly RateRange[],
  points?: number,
): Promise<EffectCurve[]> {
  const columns = predictor.dimensions.length;
  const { rates } = await predictors.evidence(predictor.id);
  return measureEffects(async (batch) => {
    // An inline predictor would hold the event loop for all curves together.
    await setImmediate();
    return (await fitted.predict(batch)).mean;
  }, { rates: spreadRows(rates, columns), columns }, ranges, points);
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
