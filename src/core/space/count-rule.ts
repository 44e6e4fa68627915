/** Pruning rates from `minRate` to `maxRate`, both included, in [0, 1]. */
export interface RateRange {
  readonly minRate: number;
  readonly maxRate: number;
}

/** Which counts within a range of rates a dimension may take. */
export interface CountRule {
  /** Only rates `minRate`, `minRate + rateStep`, ... up to `maxRate`; undefined for any count in between. */
  readonly rateStep?: number;
  /** Only multiples of this; 1 for any. */
  readonly multipleOf: number;
  /** No fewer than this: 1 keeps the half-block whatever the range. @default 0 */
  readonly least?: number;
}

/** Rates 0.1 to 0.5 in steps of 0.1 (arXiv 2309.09507). */
export const PAPER_GRID = { minRate: 0.1, maxRate: 0.5, rateStep: 0.1 } as const;

/**
 * The kept counts that a range of rates allows, ascending, each once. The ends snap to the nearer count; 0, which drops
 * the half-block, is among them only if the range reaches rate 1. Empty if no multiple lies in the range.
 */
export function allowedCounts(
  size: number,
  { minRate, maxRate }: RateRange,
  { rateStep, multipleOf, least = 0 }: CountRule,
): number[] {
  const counts =
    rateStep === undefined ? countsBetween(size, minRate, maxRate) : countsOnGrid(size, minRate, maxRate, rateStep);
  return counts.filter((count) => count % multipleOf === 0 && count >= least);
}

function countsBetween(size: number, minRate: number, maxRate: number): number[] {
  const least = keptCount(size, maxRate);
  const most = keptCount(size, minRate);
  return Array.from({ length: most - least + 1 }, (_, index) => least + index);
}

/** A grid finer than the distance between counts has all of them, so the work never exceeds their number. */
function countsOnGrid(size: number, minRate: number, maxRate: number, step: number): number[] {
  // Adding the tiny number keeps the last point when (0.5 - 0.1) / 0.1 comes out as 3.9999999999999996.
  const steps = Math.floor((maxRate - minRate) / step + 1e-9);
  const rateAt = (index: number): number => Math.min(1, minRate + index * step);
  if (step * size <= 1) return countsBetween(size, minRate, Math.min(maxRate, rateAt(steps)));
  const counts = new Set(Array.from({ length: steps + 1 }, (_, index) => keptCount(size, rateAt(index))));
  return [...counts].sort((a, b) => a - b);
}

/**
 * The kept count of a rate: floor(size (1 - rate) + 0.5), at least 1 unless the rate is 1. Of multiples the nearest one,
 * at least the first.
 */
export function keptCount(size: number, rate: number, multipleOf = 1): number {
  if (rate >= 1) return 0;
  const whole = size / multipleOf;
  // Adding the tiny number undoes the rounding error of 1 - rate, so that 0.45 of 10 keeps 6 and not 5.
  const nearest = Math.floor(whole * (1 - rate) + 0.5 + 1e-9 * whole);
  return multipleOf * Math.max(1, Math.min(Math.floor(whole), nearest));
}

/** The largest count that is a multiple. */
export function largestMultiple(size: number, multipleOf: number): number {
  return size - (size % multipleOf);
}
