import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { countRows, type EncodingBatch } from '../../core/pairs.js';
import { conformalHalfWidth } from '../../core/statistics/conformal.js';
import { rmse } from '../../core/statistics/prediction-error.js';
import type { Predictor } from '../../gen/prunecast/v1/predictor_types.js';
import type { OutOfRange } from '../../gen/prunecast/v1/pruning.js';
import type { MetricPrediction } from '../../gen/prunecast/v1/study.js';
import { findMetric, type PluginLookup } from '../requests/plugin-lookup.js';
import type { OpenPredictor } from './open-predictor.js';

/** How sure an interval is: 9 of 10 new labels lie within it. */
export const INTERVAL_COVERAGE = 0.9;

/**
 * A predictor's predictions for a batch, metric by metric, in the metric's own unit. Intervals are split-conformal at
 * 90 %, from the residuals of fits on other pairs. The deviation, on the scale of the fit, is the predictor's own or
 * else that of those residuals. Both are empty without residuals (a predictor of an earlier version, or fewer than 9
 * pairs). Throws METRIC_INVALID if a prediction, or an end of its interval, is not finite in that unit.
 */
export async function predictMetrics(
  plugins: PluginLookup,
  { metrics }: OpenPredictor,
  batch: EncodingBatch,
  signal: AbortSignal,
): Promise<MetricPrediction[]> {
  return Promise.all(
    metrics.map(async ({ metric, fitted, residuals }) => {
      const { mean, deviation } = await fitted.predict(batch, { signal });
      const halfWidth = conformalHalfWidth(residuals, INTERVAL_COVERAGE);
      const spread = rmse(residuals, new Float64Array(residuals.length));
      if (deviation !== undefined) requireFinite(deviation, `deviation of ${metric}`);
      const isLog = findMetric(plugins, metric).scale === 'log';
      const inOwnUnit = (offset: number): number[] => {
        const values = Array.from(mean, isLog ? (value) => Math.exp(value + offset) : (value) => value + offset);
        requireFinite(values, metric);
        return values;
      };
      return {
        metric,
        mean: inOwnUnit(0),
        deviation:
          deviation === undefined ? (residuals.length === 0 ? [] : Array.from(mean, () => spread)) : [...deviation],
        low: Number.isFinite(halfWidth) ? inOwnUnit(-halfWidth) : [],
        high: Number.isFinite(halfWidth) ? inOwnUnit(halfWidth) : [],
      };
    }),
  );
}

function requireFinite(values: readonly number[] | Float64Array, metric: string): void {
  const row = values.findIndex((value) => !Number.isFinite(value));
  if (row < 0) return;
  throw new PrunecastError(
    'METRIC_INVALID',
    `the predicted ${metric} of row ${row} is ${values[row]}, or an end of its interval is: the row is far from the predictor's pairs, or the labels of its pairs lie too far apart; fit a predictor on labels within a few powers of ten`,
    {
      metadata: { metric, value: String(values[row]), row: String(row) },
    },
  );
}

/** Rows with a rate outside the range of the pairs: nothing is known there. */
export function listOutOfRange(batch: EncodingBatch, { dimensions, minRates, maxRates }: Predictor): OutOfRange[] {
  return Array.from({ length: countRows(batch) }, (_, row) => ({
    row,
    dimensions: dimensions.filter((_name, column) =>
      isOutside(batch.rates[row * batch.columns + column] as number, minRates[column], maxRates[column]),
    ),
  })).filter(({ dimensions: outside }) => outside.length > 0);
}

/** Whether a rate is outside the range of the pairs. */
export function isOutside(rate: number, minRate = 0, maxRate = 1): boolean {
  return rate < minRate || rate > maxRate;
}
