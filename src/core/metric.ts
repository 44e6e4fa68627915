import { PrunecastError } from './errors/prunecast-error.js';

/** What the name of a metric means. */
export interface MetricDefinition {
  /** snake_case: `perplexity`. */
  readonly name: string;
  readonly better: 'lower' | 'higher';
  /** `log` if a predictor should be fitted on the metric's logarithm. */
  readonly scale: 'log' | 'linear';
  /**
   * The metric is the mean of this number of each window over all scored tokens (`log`: the exponential of that mean).
   * undefined if it is no such mean: then a report has no interval for it.
   */
  readonly windows?: 'losses' | 'hits';
  readonly summary: string;
}

/** The numbers of a measurement that must be finite. */
export interface MeasuredNumbers {
  readonly metrics: Readonly<Record<string, number>>;
  /** Summed negative log-likelihood of each window. */
  readonly windowLosses: Float64Array;
}

/**
 * METRIC_INVALID if a metric, or the loss of a window, is NaN or infinite; undefined if all are finite. Such a number
 * is never stored and never an answer, as it compares with nothing.
 */
export function findInvalidMetric({ metrics, windowLosses }: MeasuredNumbers): PrunecastError | undefined {
  const metric = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  const window = windowLosses.findIndex((loss) => !Number.isFinite(loss));
  if (metric === undefined && window < 0) return undefined;
  const what = [
    ...(metric === undefined ? [] : [`${metric[0]} is ${metric[1]}`]),
    ...(window < 0 ? [] : [`the loss of window ${window} is ${windowLosses[window]}`]),
  ].join(', ');
  return new PrunecastError(
    'METRIC_INVALID',
    `${what}; only finite numbers are measurements. Evaluate the unpruned model: if it has this too, the values of the checkpoint are too large for float32 arithmetic, else prune less or with another recipe`,
    {
      metadata: {
        ...(metric === undefined ? {} : { metric: metric[0], value: String(metric[1]) }),
        ...(window < 0 ? {} : { window: String(window) }),
      },
    },
  );
}

/**
 * The largest absolute value of a label that is fitted as it is: no square and no sum of a hundred thousand of them
 * overflows.
 */
export const LARGEST_LABEL = 1e30;

/**
 * What is wrong with a label; undefined for one that a predictor can be fitted on. A label on a log scale is a finite
 * number above 0.
 */
export function findLabelFault({ scale }: Pick<MetricDefinition, 'scale'>, value: number): string | undefined {
  if (scale === 'log')
    return value > 0 && value < Number.POSITIVE_INFINITY ? undefined : `is ${value}; a finite number above 0 is needed`;
  return Math.abs(value) <= LARGEST_LABEL
    ? undefined
    : `is ${value}; a number from -${LARGEST_LABEL} to ${LARGEST_LABEL} is needed`;
}
