import { measureCounts } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import { allowedCounts, keptCount, type RateRange } from '../../core/space/count-rule.js';
import type { DimensionRange } from '../../core/space/narrow-space.js';
import { denseCounts, type Dimension, type SearchSpace } from '../../core/space/search-space.js';
import { slopeOf, type EffectCurve } from '../../core/statistics/explain.js';
import { quantile } from '../../core/statistics/quantile.js';

/** How ranges are moved (DESIGN section 2, "Default refinement"). */
export interface RefinementOptions {
  /** The share of the dimensions, most important first, that keep only their lower rates. */
  readonly importantShare: number;
  /** The share of their counts that these keep, rounded up, at least two. */
  readonly keptShare: number;
  /** The share of the dimensions, least important first, that may go to `wideRange`. */
  readonly unimportantShare: number;
  /** Where unimportant dimensions go. */
  readonly wideRange: RateRange;
  /** Only those whose effect curve is flatter than this quantile of all slopes go there. */
  readonly flatQuantile: number;
}

/** What is proposed for one dimension, and why. */
export interface RangeChange {
  /** The dimension's name. */
  readonly dimension: string;
  readonly before: RateRange;
  /** Equal to `before` if the range stays. */
  readonly after: RateRange;
  /** Rise of the hold-out error per parameter between the ends of the range; undefined if it has only one count. */
  readonly importance: number | undefined;
  /** Change of the predicted value per unit of rate, end to end. */
  readonly slope: number;
  readonly reason: RefinementReason;
}

/**
 * - `important`: among the most important, so only its lower rates stay.
 * - `unimportant`: among the least important, and flat, so it gets the wide range.
 * - `steep`: among the least important, but its curve is at least as steep as the median, so it stays.
 * - `middle`: among neither, so it stays.
 * - `fixed`: it has one count, so it stays.
 * - `edited`: the caller chose another range than the proposed one.
 */
export type RefinementReason = 'important' | 'unimportant' | 'steep' | 'middle' | 'fixed' | 'edited';

export interface RefinementEvidence {
  readonly space: SearchSpace;
  /** Rise of the hold-out error when a dimension's column is shuffled, dimension by dimension. */
  readonly importances: ArrayLike<number>;
  /** Dimension by dimension, over the ranges of the space. */
  readonly effects: readonly EffectCurve[];
}

/**
 * Proposes a range for every dimension from what a predictor says about it, in the order of the space. Of the n
 * dimensions that can move floor(share * n) count as important, and likewise as unimportant; equal importances keep the
 * order of the space.
 */
export function proposeRefinement(
  { space, importances, effects }: RefinementEvidence,
  options: RefinementOptions,
): RangeChange[] {
  const slopes = space.dimensions.map((_, index) => slopeOf(effects[index] ?? { rates: [], values: [] }));
  const perParameter = space.dimensions.map((dimension, index) => {
    const parameters = parametersBetweenEnds(space, index);
    return dimension.counts.length < 2 || parameters === 0 ? undefined : (importances[index] ?? 0) / parameters;
  });
  const movable = perParameter
    .flatMap((value, index) => (value === undefined ? [] : [{ index, value }]))
    .sort((a, b) => b.value - a.value || a.index - b.index);
  const count = (share: number): number => Math.floor(share * movable.length + 1e-9);
  const important = new Set(movable.slice(0, count(options.importantShare)).map(({ index }) => index));
  const unimportant = new Set(
    movable.slice(Math.max(important.size, movable.length - count(options.unimportantShare))).map(({ index }) => index),
  );
  const limit = quantile(
    movable.map(({ index }) => slopes[index] ?? 0),
    options.flatQuantile,
  );
  return space.dimensions.map((dimension, index) => {
    const slope = slopes[index] ?? 0;
    const base = { dimension: dimension.name, before: dimension.range, importance: perParameter[index], slope };
    if (perParameter[index] === undefined) return { ...base, after: dimension.range, reason: 'fixed' };
    if (important.has(index)) return { ...base, after: lowerPart(dimension, options.keptShare), reason: 'important' };
    if (!unimportant.has(index)) return { ...base, after: dimension.range, reason: 'middle' };
    if (slope >= limit || allowedCounts(dimension.size, options.wideRange, dimension.rule).length === 0)
      return { ...base, after: dimension.range, reason: 'steep' };
    return { ...base, after: options.wideRange, reason: 'unimportant' };
  });
}

/** The ranges that a proposal changes, as `narrowSpace` takes them. */
export function changedRanges(changes: readonly RangeChange[]): DimensionRange[] {
  return changes
    .filter(({ before, after }) => before.minRate !== after.minRate || before.maxRate !== after.maxRate)
    .map(({ dimension, after }) => ({ dimension, ...after }));
}

/** The range of the lower rates: the largest ceil(share * n) counts, at least two. */
function lowerPart(dimension: Dimension, share: number): RateRange {
  const { counts, range, rule, size } = dimension;
  const kept = Math.min(counts.length, Math.max(2, Math.ceil(share * counts.length - 1e-9)));
  const least = counts[counts.length - kept] ?? size;
  const step = rule.rateStep;
  if (step === undefined) return { minRate: range.minRate, maxRate: 1 - least / size };
  // On a grid the end is a rate of the grid, so that 0.1 to 0.5 becomes 0.1 to 0.3 and does not end at the rate of a
  // count.
  let [low, high] = [0, Math.min(Number.MAX_SAFE_INTEGER, Math.floor((range.maxRate + 1e-9 - range.minRate) / step))];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (keptCount(size, range.minRate + middle * step) > least) low = middle + 1;
    else high = middle;
  }
  return { minRate: range.minRate, maxRate: Number((range.minRate + low * step).toFixed(9)) };
}

function parametersBetweenEnds(space: SearchSpace, index: number): number {
  const cost = createCostModel(space.shape, { kind: 'parameters' });
  const counts = space.dimensions[index]?.counts ?? [];
  const at = (count: number | undefined): number =>
    measureCounts(cost, space, denseCounts(space).with(index, count ?? 0));
  return at(counts.at(-1)) - at(counts[0]);
}
