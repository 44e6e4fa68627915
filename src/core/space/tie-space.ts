import type { Counts, Dimension, SearchSpace } from './search-space.js';

/** A space with fewer dimensions, and how its points become points of the space it was made from. */
export interface TiedSpace {
  readonly space: SearchSpace;
  /** The point of the free space in which all members of a tied dimension have its count. */
  readonly expand: (counts: Counts) => Counts;
}

/**
 * Ties dimensions of one kind over runs of this many consecutive prunable layers, counted from the first layer that has
 * a dimension. A tied dimension has the counts that all of its members allow. A member whose size differs, or that
 * shares no count with the run, starts another tied dimension.
 */
export function tieSpace(space: SearchSpace, run: number): TiedSpace {
  const layers = [...new Set(space.dimensions.flatMap((dimension) => dimension.layers))].sort((a, b) => a - b);
  const runOf = new Map(layers.map((layer, index) => [layer, Math.floor(index / run)]));
  const tied: Dimension[] = [];
  const latest = new Map<string, number>();
  const targets = space.dimensions.map((dimension) => {
    const key = `${dimension.kind}/${runOf.get(dimension.layers[0] ?? 0)}`;
    const index = latest.get(key);
    const into = index === undefined ? undefined : tied[index];
    const shared = into === undefined ? [] : sharedCounts(into.counts, dimension.counts);
    if (index !== undefined && into?.size === dimension.size && shared.length > 0) {
      tied[index] = { ...into, layers: [...into.layers, ...dimension.layers], counts: shared };
      return index;
    }
    latest.set(key, tied.length);
    return tied.push(dimension) - 1;
  });
  return {
    space: { shape: space.shape, dimensions: tied },
    expand: (counts) => space.dimensions.map(({ size }, index) => counts[targets[index] ?? -1] ?? size),
  };
}

function sharedCounts(a: readonly number[], b: readonly number[]): readonly number[] {
  if (a === b) return a;
  const others = new Set(b);
  return a.filter((count) => others.has(count));
}
