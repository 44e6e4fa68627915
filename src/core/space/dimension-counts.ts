import { allowedCounts, type CountRule, type RateRange } from './count-rule.js';
import type { DimensionKind } from './search-space.js';

/**
 * The counts that a dimension may take, found once for all equal dimensions: most layers are equal, and a large model
 * has 126 of them with 53,248 channels each.
 */
export function rememberCounts(): (
  dimension: { readonly kind: DimensionKind; readonly size: number },
  range: RateRange,
  rule: CountRule,
  target?: 'per-layer' | 'uniform',
) => readonly number[] {
  const known = new Map<string, readonly number[]>();
  return ({ kind, size }, range, rule, target) => {
    // A kept group has at least one query head: only kv_heads 0 drops attention, so that there is only one form of it.
    const drops = kind !== 'query_heads_per_kv' && target !== 'uniform';
    const key = [size, range.minRate, range.maxRate, rule.rateStep, rule.multipleOf, rule.least, drops].join(' ');
    const found = known.get(key) ?? allowedCounts(size, range, rule).filter((count) => count > 0 || drops);
    known.set(key, found);
    return found;
  };
}
