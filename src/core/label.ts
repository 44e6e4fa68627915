import type { MetricDefinition } from './metric.js';

/** A label of a metric that is fitted as it is lies within this, either way: no square or sum of a hundred thousand such overflows. */
export const LARGEST_LABEL = 1e30;

/** What a label must be instead; undefined for one that a predictor can be fitted on. A metric on a log scale is any finite number above 0. */
export function findLabelFault({ scale }: Pick<MetricDefinition, 'scale'>, value: number): string | undefined {
  if (scale === 'log')
    return value > 0 && value < Number.POSITIVE_INFINITY ? undefined : `is ${value}; a finite number above 0 is needed`;
  return Math.abs(value) <= LARGEST_LABEL
    ? undefined
    : `is ${value}; a number from -${LARGEST_LABEL} to ${LARGEST_LABEL} is needed`;
}
