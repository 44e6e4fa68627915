import type { CostModel } from '../../core/budget/cost-model.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';

/**
 * Dimensions whose costs cannot be separated, such as `kv_heads` and `query_heads_per_kv` of one layer, with every
 * combination of counts that they allow. The cost of a point is the sum over its components, plus the fixed part.
 */
export interface Component {
  /** Indices into the space's dimensions. */
  readonly dimensions: readonly number[];
  /** Counts of `dimensions`, option by option. */
  readonly options: readonly Counts[];
  /** The exact cost of each option, over all half-blocks that the dimensions touch. */
  readonly costs: Float64Array;
  readonly cheapest: number;
  readonly dearest: number;
}

export interface SeparatedCost {
  readonly components: readonly Component[];
  /** The cost of all that no dimension touches. */
  readonly fixed: number;
}

/**
 * Splits the cost of a space into components. If attention is dropped (`kv_heads` 0), `query_heads_per_kv` is 0 too, so
 * that no architecture has two points.
 *
 * @throws PrunecastError SPACE_INVALID if dimensions are tied across so many others that a component has over a million
 * options
 */
export function separateCost(space: SearchSpace, cost: CostModel): SeparatedCost {
  const halves = listHalfBlocks(space);
  const groups = joinDimensions(space.dimensions.length, halves);
  const fixed = halves
    .filter(({ kv, heads, ffn }) => (kv ?? heads ?? ffn) === undefined)
    .reduce((sum, half) => sum + costOf(half, cost, space, new Map()), cost.fixed);
  const known = new Map<string, Omit<Component, 'dimensions'>>();
  const nameCounts = createNames();
  const { layerKinds } = cost;
  const components = groups.map((dimensions) => {
    const touched = halves.filter(({ kv, heads, ffn }) =>
      [kv, heads, ffn].some((index) => index !== undefined && dimensions.includes(index)),
    );
    // Most layers are alike: what costs the same at the same counts is computed once.
    const places = touched.map(({ layer, half, kv, heads, ffn }) => [
      half,
      space.shape.layers[layer],
      layerKinds?.[layer] ?? 0,
      [kv, heads, ffn].map((index) => dimensions.indexOf(index ?? -1)),
    ]);
    const key = JSON.stringify([places, dimensions.map((index) => nameCounts(space.dimensions[index]?.counts ?? []))]);
    const costed = known.get(key) ?? costOptions(space, cost, dimensions, touched);
    known.set(key, costed);
    return { dimensions, ...costed };
  });
  return { components, fixed };
}

/**
 * Refuses a space that ties dimensions across so many others that `separateCost` could not list a component's options.
 * Fast.
 *
 * @throws PrunecastError SPACE_INVALID
 */
export function requireSeparable(space: SearchSpace): void {
  for (const members of joinDimensions(space.dimensions.length, listHalfBlocks(space))) refuseOptions(space, members);
}

function costOptions(
  space: SearchSpace,
  cost: CostModel,
  dimensions: readonly number[],
  touched: readonly HalfBlock[],
): Omit<Component, 'dimensions'> {
  const options = listOptions(space, dimensions);
  const costs = Float64Array.from(options, (counts) => {
    const chosen = new Map(dimensions.map((dimension, index) => [dimension, counts[index] ?? 0]));
    return touched.reduce((sum, half) => sum + costOf(half, cost, space, chosen), 0);
  });
  const [cheapest, dearest] = [costs.reduce((a, b) => Math.min(a, b)), costs.reduce((a, b) => Math.max(a, b))];
  return { options, costs, cheapest, dearest };
}

/** Names lists of counts: the same list has the same name. */
function createNames(): (counts: readonly number[]) => number {
  const names = new Map<readonly number[], number>();
  return (counts) => {
    const name = names.get(counts) ?? names.size;
    names.set(counts, name);
    return name;
  };
}

/** The least and the most that a point of the space costs. */
export function costEnds({ components, fixed }: SeparatedCost): {
  readonly cheapest: number;
  readonly dearest: number;
} {
  return {
    cheapest: components.reduce((sum, component) => sum + component.cheapest, fixed),
    dearest: components.reduce((sum, component) => sum + component.dearest, fixed),
  };
}

/** A half-block and the dimensions that set its counts; undefined for a count that stays. */
interface HalfBlock {
  readonly layer: number;
  readonly half: 'attention' | 'ffn';
  readonly kv?: number;
  readonly heads?: number;
  readonly ffn?: number;
}

const MOST_OPTIONS = 1_000_000;

function listHalfBlocks({ shape, dimensions }: SearchSpace): HalfBlock[] {
  return shape.layers.flatMap((_, layer) => {
    const find = (kind: string) => {
      const index = dimensions.findIndex((dimension) => dimension.kind === kind && dimension.layers.includes(layer));
      return index < 0 ? undefined : index;
    };
    const [kv, heads, ffn] = [find('kv_heads'), find('query_heads_per_kv'), find('ffn_channels')];
    return [
      {
        layer,
        half: 'attention' as const,
        ...(kv === undefined ? {} : { kv }),
        ...(heads === undefined ? {} : { heads }),
      },
      { layer, half: 'ffn' as const, ...(ffn === undefined ? {} : { ffn }) },
    ];
  });
}

function costOf(
  { layer, half, kv, heads, ffn }: HalfBlock,
  cost: CostModel,
  { shape }: SearchSpace,
  chosen: ReadonlyMap<number, number>,
): number {
  const own = shape.layers[layer];
  const pick = (dimension: number | undefined, size = 0): number =>
    dimension === undefined ? size : (chosen.get(dimension) ?? size);
  if (half === 'ffn') return cost.ffn(pick(ffn, own?.ffnChannels), layer);
  const [kvHeads, queryHeads] = [pick(kv, own?.kvHeads), pick(heads, own?.queryHeadsPerKv)];
  return kvHeads === 0 || queryHeads === 0 ? cost.attention(0, 0, layer) : cost.attention(kvHeads, queryHeads, layer);
}

/**
 * Groups of dimensions that meet in a half-block; each group ascending, groups in the order of their first dimension.
 */
function joinDimensions(count: number, halves: readonly HalfBlock[]): number[][] {
  const parent = Array.from({ length: count }, (_, index) => index);
  const root = (index: number): number =>
    parent[index] === index || parent[index] === undefined ? index : root(parent[index]);
  for (const { kv, heads } of halves) {
    if (kv !== undefined && heads !== undefined)
      parent[Math.max(root(kv), root(heads))] = Math.min(root(kv), root(heads));
  }
  const groups = new Map<number, number[]>();
  for (let index = 0; index < count; index++) groups.set(root(index), [...(groups.get(root(index)) ?? []), index]);
  return [...groups.values()];
}

function refuseOptions({ dimensions }: SearchSpace, members: readonly number[]): void {
  const size = members.reduce((product, index) => product * (dimensions[index]?.counts.length ?? 0), 1);
  if (size <= MOST_OPTIONS) return;
  throw PrunecastError.ofField(
    'space',
    `ties ${members.length} dimensions into ${size} combinations; at most ${MOST_OPTIONS} can be counted: tie kv_heads and query_heads_per_kv alike, or allow fewer counts`,
    'SPACE_INVALID',
  );
}

function listOptions(space: SearchSpace, members: readonly number[]): Counts[] {
  refuseOptions(space, members);
  const { dimensions } = space;
  const all = members.reduce<number[][]>(
    (options, index) =>
      options.flatMap((option) => (dimensions[index]?.counts ?? []).map((count) => [...option, count])),
    [[]],
  );
  const dropsAttention = (option: Counts): boolean =>
    members.some((index, at) => dimensions[index]?.kind === 'kv_heads' && option[at] === 0);
  if (members.length === 1 || !all.some(dropsAttention)) return all;
  const canonical = all.map((option) => (dropsAttention(option) ? dropHeads(option, members, dimensions) : option));
  return [...new Map(canonical.map((option) => [option.join(','), option])).values()];
}

function dropHeads(option: Counts, members: readonly number[], dimensions: SearchSpace['dimensions']): number[] {
  const dropped = new Set(
    members.flatMap((index, at) =>
      dimensions[index]?.kind === 'kv_heads' && option[at] === 0 ? (dimensions[index]?.layers ?? []) : [],
    ),
  );
  return option.map((count, at) => {
    const dimension = dimensions[members[at] ?? -1];
    return dimension?.kind === 'query_heads_per_kv' && dimension.layers.every((layer) => dropped.has(layer))
      ? 0
      : count;
  });
}
