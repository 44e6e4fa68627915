import { PrunecastError } from './errors/prunecast-error.js';

/** What the name of a metric means. */
export interface MetricDefinition {
  /** snake_case: `perplexity`. */
  readonly name: string;
  readonly better: 'lower' | 'higher';
  /**
   * `log` if a predictor should be fitted on the metric's logarithm, and objectives and limits compare ratios: all values
   * are above 0. `linear`: values count as they are, and may be below 0.
   */
  readonly scale: 'log' | 'linear';
  /**
   * The metric is the mean over all items: the sum of one column of the items divided by the sum of another (`log`: the
   * exponential of that). undefined if it is no such mean: then a report has no interval for it.
   */
  readonly mean?: { readonly of: string; readonly per: string };
  readonly summary: string;
}

/** What an evaluator makes of an observation. */
export interface Evaluation {
  /** By name. */
  readonly metrics: Readonly<Record<string, number>>;
  /**
   * Numbers of each item (a window, a question), by name: what intervals and comparisons draw from. A metric's
   * definition names those that it is the mean of.
   */
  readonly items: ItemColumns;
}

/** Columns of one length: a number per item and name. */
export type ItemColumns = Readonly<Record<string, Float64Array>>;

/**
 * METRIC_INVALID if a metric, or a number of an item, is NaN or infinite; undefined if all are finite. Such a number is
 * never stored and never an answer, as it compares with nothing.
 */
export function findInvalidMetric({ metrics, items }: Evaluation): PrunecastError | undefined {
  const metric = Object.entries(metrics).find(([, value]) => !Number.isFinite(value));
  const item = findInvalidItem(items);
  if (metric === undefined && item === undefined) return undefined;
  const what = [
    ...(metric === undefined ? [] : [`${metric[0]} is ${metric[1]}`]),
    ...(item === undefined ? [] : [`${item.column} of item ${item.index} is ${item.value}`]),
  ].join(', ');
  return new PrunecastError(
    'METRIC_INVALID',
    `${what}; only finite numbers are measurements. Evaluate the unpruned model: if it has this too, the values of the checkpoint are too large for float32 arithmetic, else prune less or with another recipe`,
    {
      metadata: {
        ...(metric === undefined ? {} : { metric: metric[0], value: String(metric[1]) }),
        ...(item === undefined ? {} : { item: String(item.index) }),
      },
    },
  );
}

function findInvalidItem(
  items: ItemColumns,
): { readonly column: string; readonly index: number; readonly value: number } | undefined {
  for (const [column, values] of Object.entries(items)) {
    const index = values.findIndex((value) => !Number.isFinite(value));
    if (index >= 0) return { column, index, value: values[index] ?? Number.NaN };
  }
  return undefined;
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

/** A metric as requests and reports name it: of a further measurement `mmlu.accuracy`, of the first one `accuracy`. */
export function nameMetric(measurement: string, metric: string): string {
  return measurement === '' ? metric : `${measurement}.${metric}`;
}

/** The metric's own name, without that of its measurement: `accuracy` of `mmlu.accuracy`. */
export function plainMetric(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}
