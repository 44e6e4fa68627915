import type { Budget } from '../../core/budget/budget.js';
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
  /** No point that meets the budgets has less; equal to `error` where that is proven to be the least. */
  readonly bound: number;
}

/**
 * Control `calibration-error`: the counts of least summed calibration error that meet all budgets, each error over its
 * half-block's total, that of keeping nothing. One of a kind is kept in each layer, query heads inside a kept group all stay,
 * and counts are multiples of what the space asks for. Undefined where no such point meets the budgets.
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
  if (kind === 'query_heads_per_kv') return [size];
  return Array.from({ length: Math.floor(size / multipleOf) }, (_, index) => (index + 1) * multipleOf);
}

/** The errors of a dimension's layers with `count` units kept, each over that of keeping nothing. Throws RangeError where one is not known. */
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
