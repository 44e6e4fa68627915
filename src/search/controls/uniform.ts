import { meetsBudgets, type Budget } from '../../core/budget/budget.js';
import type { ModelShape } from '../../core/model/shape.js';
import { keptCount, largestMultiple } from '../../core/space/count-rule.js';
import { createSearchSpace, type SearchSpaceOptions } from '../../core/space/create-search-space.js';
import { distinctPoints, type Counts, type DimensionKind, type SearchSpace } from '../../core/space/search-space.js';

/** A uniform point and the rate it stands for. */
export interface UniformPoint {
  readonly counts: Counts;
  /** The lowest rate that meets the budgets; the counts are those just past it. */
  readonly rate: number;
}

/**
 * Control `uniform-paper`: one rate for key-value groups and channels in every layer of the space. The counts are those
 * just past the lowest rate that meets all budgets, whatever that leaves unspent. A control may use any count of the
 * model that is a multiple of what the space asks for, also one beyond the rates of the space. A kept group keeps all of its query heads, unless nothing else takes
 * part. Undefined if even one unit of each kind in every layer costs too much.
 */
export function findUniformPaper(space: SearchSpace, budgets: readonly Budget[]): UniformPoint | undefined {
  const moved = listMovedKinds(space);
  const rates = listBreakpoints(space, moved);
  const at = (index: number): UniformPoint => {
    const rate = rates[index] ?? 0;
    // All rates between two breakpoints give the same counts, so their middle is safe from rounding at both.
    const inside = (rate + (rates[index + 1] ?? 1)) / 2;
    return {
      rate,
      counts: space.dimensions.map(({ kind, size, rule: { multipleOf } }) =>
        moved.has(kind) ? keptCount(size, inside, multipleOf) : largestMultiple(size, multipleOf),
      ),
    };
  };
  let [low, high] = [0, rates.length - 1];
  if (!meetsBudgets(space, at(high).counts, budgets)) return undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (meetsBudgets(space, at(middle).counts, budgets)) high = middle;
    else low = middle + 1;
  }
  return at(low);
}

/**
 * The candidates for control `uniform-best`: one key-value count and one channel count in every layer of the space. For
 * each key-value count from 1 it is the most channels that meet all budgets; counts with which not even one channel
 * fits are left out. The best of them on the verify windows is the control. If only one kind takes part there is one
 * candidate.
 */
export function listUniformBest(space: SearchSpace, budgets: readonly Budget[]): Counts[] {
  const heads = listMovedKinds(space).has('query_heads_per_kv') ? 'query_heads_per_kv' : 'kv_heads';
  const [groups, channels] = [listMultiples(space, heads), listMultiples(space, 'ffn_channels')];
  const point = (kvHeads: number, ffnChannels: number): Counts =>
    space.dimensions.map(({ kind, size, rule: { multipleOf } }) =>
      Math.min(
        largestMultiple(size, multipleOf),
        kind === heads ? kvHeads : kind === 'ffn_channels' ? ffnChannels : size,
      ),
    );
  const fits = (counts: Counts): boolean => meetsBudgets(space, counts, budgets);
  if (channels.length === 0) {
    const kvHeads = findMost(groups, (count) => fits(point(count, 0)));
    return kvHeads === undefined ? [] : [point(kvHeads, 0)];
  }
  return (groups.length === 0 ? [1] : groups).flatMap((kvHeads) => {
    const ffnChannels = findMost(channels, (count) => fits(point(kvHeads, count)));
    return ffnChannels === undefined ? [] : [point(kvHeads, ffnChannels)];
  });
}

/** The counts of a kind that a level point may have, ascending, without 0; none if the kind does not take part. */
function listMultiples({ dimensions }: SearchSpace, wanted: DimensionKind): number[] {
  const ofKind = dimensions.filter(({ kind }) => kind === wanted);
  const multipleOf = ofKind[0]?.rule.multipleOf ?? 1;
  const most = ofKind.reduce((largest, { size }) => Math.max(largest, size), 0);
  return Array.from({ length: Math.floor(most / multipleOf) }, (_, index) => (index + 1) * multipleOf);
}

/** The points of both uniform controls, each once: one rate, or one pair of counts, in every layer. */
export function listLevelPoints(space: SearchSpace, budgets: readonly Budget[]): Counts[] {
  const paper = findUniformPaper(space, budgets);
  return distinctPoints([...(paper === undefined ? [] : [paper.counts]), ...listUniformBest(space, budgets)]);
}

/**
 * The highest rate that dimensions may take if the caller gives none: 0.5, or twice the uniform rate that the budgets
 * need if that is more, but 0.9 at most.
 *
 * @throws PrunecastError SPACE_INVALID
 */
export function chooseMaxRate(
  shape: ModelShape,
  budgets: readonly Budget[],
  options: SearchSpaceOptions = {},
  field = 'space',
): number {
  const { kinds, protectedLayers, tieRun, target } = options;
  const whole = createSearchSpace(
    shape,
    {
      maxRate: 1,
      ...(kinds === undefined ? {} : { kinds }),
      ...(protectedLayers === undefined ? {} : { protectedLayers }),
      ...(tieRun === undefined ? {} : { tieRun }),
      ...(target === undefined ? {} : { target }),
    },
    field,
  );
  return Math.max(0.5, Math.min(0.9, 2 * (findUniformPaper(whole, budgets)?.rate ?? 1)));
}

/** The kinds that uniform controls change: key-value groups and channels, or query heads if neither takes part. */
function listMovedKinds({ dimensions }: SearchSpace): ReadonlySet<DimensionKind> {
  const kinds = new Set(dimensions.map(({ kind }) => kind));
  if (kinds.size > 1) kinds.delete('query_heads_per_kv');
  return kinds;
}

/** All rates below 1 at which some dimension's count changes, ascending, from 0. */
function listBreakpoints(space: SearchSpace, moved: ReadonlySet<DimensionKind>): number[] {
  const wholes = new Set(
    space.dimensions.flatMap(({ kind, size, rule: { multipleOf } }) => (moved.has(kind) ? [size / multipleOf] : [])),
  );
  // n (1 - rate) + 0.5 is the integer k at rate 1 - (k - 0.5) / n; past it k - 1 are kept. One always stays.
  const rates = [...wholes].flatMap((whole) =>
    Array.from({ length: Math.floor(whole) - 1 }, (_, k) => 1 - (k + 1.5) / whole),
  );
  const sorted = [0, ...rates].sort((a, b) => a - b);
  return sorted.filter((rate, index) => index === 0 || rate - (sorted[index - 1] ?? 0) > 1e-12);
}

/** The largest of ascending counts that fits, as costs rise with the count; undefined if none does. */
function findMost(counts: readonly number[], fits: (count: number) => boolean): number | undefined {
  let [low, high] = [0, counts.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (fits(counts[middle - 1] ?? 0)) low = middle;
    else high = middle - 1;
  }
  return counts[low - 1];
}
