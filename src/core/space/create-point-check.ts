import type { Counts, SearchSpace } from './search-space.js';

/** Tells whether counts are a point of the space: one a dimension, each allowed; 0 for query heads of a layer without key-value groups. */
export function createPointCheck({ dimensions }: SearchSpace): (counts: Counts) => boolean {
  const allowed = dimensions.map(({ counts }) => new Set(counts));
  return (counts) => {
    if (counts.length !== dimensions.length) return false;
    const dropped = new Set(
      dimensions.flatMap(({ kind, layers }, index) => (kind === 'kv_heads' && counts[index] === 0 ? layers : [])),
    );
    return dimensions.every(({ kind, layers }, index) =>
      kind === 'query_heads_per_kv' && layers.every((layer) => dropped.has(layer))
        ? counts[index] === 0
        : allowed[index]?.has(counts[index] ?? -1),
    );
  };
}
