import { PrunecastError, type FieldViolation } from '../errors/prunecast-error.js';
import type { RateRange } from './count-rule.js';
import { rememberCounts } from './dimension-counts.js';
import type { Dimension, SearchSpace } from './search-space.js';

/** A new range of rates for one dimension. */
export interface DimensionRange extends RateRange {
  /** The dimension's name. */
  readonly dimension: string;
}

/**
 * A space in which the named dimensions have other ranges, narrower or wider, with their own grid and multiples. All
 * other dimensions stay, and so do names, sizes and order: points and encodings of both spaces are comparable.
 *
 * @param field the path of the ranges in the request, for the violations
 * @throws PrunecastError SPACE_INVALID with one violation per range at fault
 */
export function narrowSpace(space: SearchSpace, ranges: readonly DimensionRange[], field = 'ranges'): SearchSpace {
  const violations: FieldViolation[] = [];
  const changed = new Map<string, Pick<Dimension, 'counts' | 'range'>>();
  const dimensions = new Map(space.dimensions.map((dimension) => [dimension.name, dimension]));
  const countsOf = rememberCounts();
  ranges.forEach((range, index) => {
    const dimension = dimensions.get(range.dimension);
    const path = `${field}[${index}]`;
    if (dimension === undefined) {
      violations.push({
        field: `${path}.dimension`,
        description: `is ${range.dimension}, which the space does not have`,
      });
    } else if (changed.has(range.dimension)) {
      violations.push({
        field: `${path}.dimension`,
        description: `is ${range.dimension}, which has a range already: name each dimension once`,
      });
    } else if (!(range.minRate >= 0 && range.maxRate >= range.minRate && range.maxRate <= 1)) {
      violations.push({
        field: path,
        description: `goes from ${range.minRate} to ${range.maxRate}; allowed is 0 <= min_rate <= max_rate <= 1`,
      });
    } else {
      const allowed = countsOf(dimension, range, dimension.rule);
      if (allowed.length === 0)
        violations.push({
          field: path,
          description: `no multiple of ${dimension.rule.multipleOf} lies between rates ${range.minRate} and ${range.maxRate} of ${range.dimension}`,
        });
      changed.set(range.dimension, { counts: allowed, range: { minRate: range.minRate, maxRate: range.maxRate } });
    }
  });
  if (violations.length > 0) {
    throw new PrunecastError('SPACE_INVALID', violations.map((v) => `${v.field}: ${v.description}`).join('; '), {
      violations,
    });
  }
  return {
    shape: space.shape,
    dimensions: space.dimensions.map((dimension) => ({ ...dimension, ...changed.get(dimension.name) })),
  };
}
