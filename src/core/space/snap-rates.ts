import { PrunecastError } from '../errors/prunecast-error.js';
import { keptCount } from './count-rule.js';
import type { Counts, SearchSpace } from './search-space.js';

/** Rates as counts, and which of them lay between two counts. */
export interface SnappedRates {
  readonly counts: Counts;
  readonly snapped: readonly SnappedRate[];
}

export interface SnappedRate {
  /** The dimension's name. */
  readonly dimension: string;
  /** The rate that was asked for. */
  readonly rate: number;
  /** The exact rate of the count that it became. */
  readonly snappedTo: number;
}

/**
 * The point whose counts are nearest to these rates, one per dimension in the order of the space. Any count of the
 * model may result that is a multiple of what the space asks for, whether its rates allow it or not. A rate is exact if it differs from its count's by no more than
 * float32 rounding.
 *
 * @param field the path of the rates in the request, for the violations
 * @throws PrunecastError SPACE_INVALID for a wrong number of rates or one outside [0, 1]
 */
export function snapRates(space: SearchSpace, rates: ArrayLike<number>, field = 'rates'): SnappedRates {
  if (rates.length !== space.dimensions.length) {
    throw PrunecastError.ofField(
      field,
      `has ${rates.length} rates, the space has ${space.dimensions.length} dimensions: give one per dimension`,
      'SPACE_INVALID',
    );
  }
  const snapped: SnappedRate[] = [];
  const counts = space.dimensions.map(({ name, size, rule: { multipleOf } }, index) => {
    const rate = rates[index] ?? Number.NaN;
    if (!(rate >= 0 && rate <= 1))
      throw PrunecastError.ofField(`${field}[${index}]`, `is ${rate}; allowed is 0 to 1`, 'SPACE_INVALID');
    // A float32 next to 1 is not taken as 1: a half-block is never dropped by rounding.
    const count = keptCount(size, rate, multipleOf);
    const snappedTo = 1 - count / size;
    if (Math.abs(snappedTo - rate) > FLOAT32_STEP) snapped.push({ dimension: name, rate, snappedTo });
    return count;
  });
  return { counts, snapped };
}

const FLOAT32_STEP = 2 ** -23;
