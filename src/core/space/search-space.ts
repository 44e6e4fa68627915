import type { Architecture, ModelShape } from '../model/shape.js';
import type { EncodingBatch } from '../pairs.js';
import type { CountRule, RateRange } from './count-rule.js';

/** The dimensions' kinds, in the order in which they stand in a layer. */
export const DIMENSION_KINDS = ['kv_heads', 'query_heads_per_kv', 'ffn_channels'] as const;
export type DimensionKind = (typeof DIMENSION_KINDS)[number];

/** One number that a search chooses: the kept count of one kind in one layer, or in several tied ones. */
export interface Dimension {
  /** `layers.7.ffn_channels`; a tied one is named after its first layer. */
  readonly name: string;
  readonly kind: DimensionKind;
  readonly layers: readonly number[];
  /** The unpruned count. */
  readonly size: number;
  /** The kept counts it may take, ascending, without repetition. */
  readonly counts: readonly number[];
  /** The range of rates that `counts` were taken from. */
  readonly range: RateRange;
  /** Which counts a range of rates stands for here, so that a refined range follows the same grid. */
  readonly rule: CountRule;
}

/** For each dimension the allowed kept counts. Layers without a dimension keep everything. */
export interface SearchSpace {
  readonly shape: ModelShape;
  readonly dimensions: readonly Dimension[];
}

/** A point of a space: one kept count per dimension, in the order of the dimensions. */
export type Counts = readonly number[];

/** The architecture of a point: the layers of dimensions keep its counts, all others everything. */
export function decodeCounts(space: SearchSpace, counts: Counts): Architecture {
  const layers = space.shape.layers.map((layer) => ({ ...layer }));
  space.dimensions.forEach((dimension, index) => {
    const count = counts[index] ?? dimension.size;
    for (const number of dimension.layers) {
      const layer = layers[number];
      if (layer !== undefined) layer[COUNT_FIELDS[dimension.kind]] = count;
    }
  });
  return layers.map((layer) =>
    layer.kvHeads === 0 || layer.queryHeadsPerKv === 0 ? { ...layer, kvHeads: 0, queryHeadsPerKv: 0 } : layer,
  );
}

/** The point of an architecture: its kept counts at each dimension's first layer. */
export function encodeCounts(space: SearchSpace, architecture: Architecture): Counts {
  return space.dimensions.map(({ kind, layers, size }) => architecture[layers[0] ?? 0]?.[COUNT_FIELDS[kind]] ?? size);
}

/** The encoding: 1 - kept / size of each dimension, exactly. */
export function toRates(space: SearchSpace, counts: Counts): Float32Array {
  return Float32Array.from(
    space.dimensions,
    (dimension, index) => 1 - (counts[index] ?? dimension.size) / dimension.size,
  );
}

/** The encodings of points, one row each. */
export function encodePoints(space: SearchSpace, points: readonly Counts[]): EncodingBatch {
  const columns = space.dimensions.length;
  const rates = new Float32Array(points.length * columns);
  points.forEach((counts, row) => rates.set(toRates(space, counts), row * columns));
  return { rates, columns };
}

/** The points without repetition, each at its first place. */
export function distinctPoints(points: readonly Counts[]): Counts[] {
  return [...new Map(points.map((counts) => [countsKey(counts), counts])).values()];
}

/** A name for a point: equal for equal counts. */
export function countsKey(counts: Counts): string {
  return counts.join(',');
}

/** The unpruned point: every dimension at its size. */
export function denseCounts(space: SearchSpace): Counts {
  return space.dimensions.map(({ size }) => size);
}

export const COUNT_FIELDS = {
  kv_heads: 'kvHeads',
  query_heads_per_kv: 'queryHeadsPerKv',
  ffn_channels: 'ffnChannels',
} as const;

/**
 * Tells whether counts are a point of the space: one per dimension, each allowed, and 0 for the query heads of a layer
 * without key-value groups.
 */
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

/** Mean absolute difference of two rows of rates, from 0 to 1. */
export function rateDistance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, rate, index) => sum + Math.abs(rate - (b[index] ?? rate)), 0) / a.length;
}
