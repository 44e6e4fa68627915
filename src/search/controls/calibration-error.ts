import type { Budget } from '../../core/budget/budget.js';
import { largestMultiple } from '../../core/space/count-rule.js';
import type { Counts, Dimension, SearchSpace } from '../../core/space/search-space.js';
import { chooseOptions, type Choice } from './choose-options.js';
import { listControlCosts } from './control-costs.js';

/** The calibration errors of one layer's half-blocks by kept units, from none to all; higher = worse. */
export interface LayerErrors {
  readonly attention: ArrayLike<number>;
  readonly ffn: ArrayLike<number>;
}

export interface CalibrationErrorAllocation {
  readonly counts: Counts;
  /** The sum of the errors, each over its half-block's total. */
  readonly error: number;
  /** No point that meets the budgets has a smaller error; equal to `error` if that is proven to be the least. */
  readonly bound: number;
}

/**
 * Control `calibration-error`: of the counts that meet all budgets those with the least sum of calibration errors, each
 * divided by its half-block's total, which is the error of keeping nothing. Each layer keeps at least one unit of each
 * kind, a kept group keeps all of its query heads, and counts are multiples of what the space asks for. Undefined if no
 * such point meets the budgets.
 *
 * @param breathe lets others run (such as setImmediate); called every few milliseconds of the work
 */
export async function findCalibrationErrorAllocation(
  space: SearchSpace,
  errors: readonly LayerErrors[],
  budgets: readonly Budget[],
  breathe: () => Promise<void>,
): Promise<CalibrationErrorAllocation | undefined> {
  const costs = listControlCosts(space, budgets);
  const options = space.dimensions.map(listCounts);
  const choices = space.dimensions.map((dimension, index): Choice => {
    const counts = options[index] ?? [];
    return {
      values: Float64Array.from(counts, (count) => sumErrors(dimension, errors, count)),
      costs: costs.map(({ byCount }) => Float64Array.from(counts, (count) => byCount[index]?.[count] ?? 0)),
    };
  });
  const steps = chooseOptions(
    choices,
    costs.map(({ limit, fixed }) => limit - fixed),
  );
  for (;;) {
    const { done, value } = steps.next();
    if (done !== true) await breathe();
    else if (value === undefined) return undefined;
    else
      return {
        counts: value.options.map((option, index) => options[index]?.[option] ?? 0),
        error: value.value,
        bound: value.bound,
      };
  }
}

/** The counts that the control may take. */
function listCounts({ kind, size, rule: { multipleOf } }: Dimension): number[] {
  if (kind === 'query_heads_per_kv') return [largestMultiple(size, multipleOf)];
  return Array.from({ length: Math.floor(size / multipleOf) }, (_, index) => (index + 1) * multipleOf);
}

/**
 * The sum over a dimension's layers of the error with `count` units kept, each divided by the error of keeping nothing.
 * Throws RangeError if an error is not known.
 */
export function sumErrors({ kind, layers }: Dimension, errors: readonly LayerErrors[], count: number): number {
  if (kind === 'query_heads_per_kv') return 0;
  return layers.reduce((sum, layer) => {
    const list = errors[layer]?.[kind === 'kv_heads' ? 'attention' : 'ffn'];
    const [error, total] = [list?.[count], list?.[0]];
    if (error === undefined || total === undefined)
      throw new RangeError(`layer ${layer} has no calibration error for ${count} ${kind}`);
    return sum + (total > 0 ? error / total : 0);
  }, 0);
}
