import type { Architecture } from '../model/shape.js';
import type { CostModel } from './cost-model.js';

/** A kept count and how long it takes, in picoseconds per token. */
export interface TimedCount {
  readonly count: number;
  readonly picoseconds: number;
}

/**
 * How long the shapes of a model took on one machine, each half-block separately: one token, with `context` tokens
 * before it. Plain values. Counts ascend from 1, and times never fall as counts rise.
 */
export interface LatencyTable {
  readonly context: number;
  /**
   * Costs are multiples of this many picoseconds, a 20,000th of the unpruned model's time: few enough to be counted
   * exactly.
   */
  readonly step: number;
  /** The time of all that lies outside the half-blocks. */
  readonly fixed: number;
  /** By query heads per group, ascending; in each by key-value heads. */
  readonly attention: readonly { readonly queryHeadsPerKv: number; readonly times: readonly TimedCount[] }[];
  /** By channels. */
  readonly ffn: readonly TimedCount[];
}

/** The table of what was timed, with its step. */
export function completeTable(timed: Omit<LatencyTable, 'step'>, layers: Architecture): LatencyTable {
  const exact = createLatencyCost({ ...timed, step: 1 });
  const dense = layers.reduce(
    (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) =>
      sum + exact.attention(kvHeads, queryHeadsPerKv) + exact.ffn(ffnChannels),
    exact.fixed,
  );
  return { ...timed, step: Math.max(1, Math.round(dense / DENSE_STEPS)) };
}

const DENSE_STEPS = 20_000;

/** Picoseconds in a millisecond: costs are counted in whole picoseconds, limits are given in milliseconds. */
export const PICOSECONDS = 1e9;

/**
 * The cost of an architecture by a table: interpolated linearly between the counts that were timed, 0 for a dropped
 * half-block.
 */
export function createLatencyCost({ step, fixed, attention, ffn }: LatencyTable) {
  const round = (picoseconds: number): number => step * Math.round(picoseconds / step);
  return {
    perUnit: PICOSECONDS,
    fixed: round(fixed),
    attention: (kvHeads: number, queryHeadsPerKv: number): number => {
      if (kvHeads === 0 || queryHeadsPerKv === 0) return 0;
      const byHeads = attention.map(({ queryHeadsPerKv: count, times }) => ({
        count,
        picoseconds: interpolate(times, kvHeads),
      }));
      return round(interpolate(byHeads, queryHeadsPerKv));
    },
    ffn: (channels: number): number => (channels === 0 ? 0 : round(interpolate(ffn, channels))),
  } satisfies CostModel;
}

/** The times, each raised to the longest before it: noise can make a larger shape look faster. */
export function raiseTimes(times: readonly TimedCount[]): TimedCount[] {
  let longest = 0;
  return times.map(({ count, picoseconds }) => ({ count, picoseconds: (longest = Math.max(longest, picoseconds)) }));
}

function interpolate(times: readonly TimedCount[], count: number): number {
  const above = times.findIndex((time) => time.count >= count);
  const right = times[above < 0 ? times.length - 1 : above];
  const left = times[(above < 0 ? times.length : above) - 1];
  if (right === undefined) throw new RangeError('a latency table has at least one time of each half-block');
  if (left === undefined || right.count === count || above < 0) return right.picoseconds;
  return (
    left.picoseconds + ((count - left.count) / (right.count - left.count)) * (right.picoseconds - left.picoseconds)
  );
}
