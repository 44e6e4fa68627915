import type { Architecture } from '../model/shape.js';
import { decodeCounts, type Counts, type SearchSpace } from '../space/search-space.js';

/**
 * What an architecture costs in one unit: a fixed part and a sum over the half-blocks of all layers, in exact integers.
 * It is not linear at 0, as a dropped half-block loses its norm too.
 */
export interface CostModel {
  /** How many of what is counted make one of the unit in which limits are given. */
  readonly perUnit: number;
  /** The cost of what lies outside the half-blocks. */
  readonly fixed: number;
  /** Layers with the same number here cost the same at equal counts. Left out if all layers do. */
  readonly layerKinds?: readonly number[];
  attention(kvHeads: number, queryHeadsPerKv: number, layer: number): number;
  ffn(channels: number, layer: number): number;
}

/** The cost of an architecture. */
export function measureCost(cost: CostModel, architecture: Architecture): number {
  return architecture.reduce(
    (sum, { kvHeads, queryHeadsPerKv, ffnChannels }, layer) =>
      sum + cost.attention(kvHeads, queryHeadsPerKv, layer) + cost.ffn(ffnChannels, layer),
    cost.fixed,
  );
}

/** The cost of a point of a space. */
export function measureCounts(cost: CostModel, space: SearchSpace, counts: Counts): number {
  return measureCost(cost, decodeCounts(space, counts));
}
