import type { LayerKeptUnits } from '../../src/core/model/units.js';

/** A layer of the demo model with so many of its 4 groups of 2 heads and 172 channels, the last ones. */
export function keepLast(groups: number, channels: number): LayerKeptUnits {
  return {
    kvGroups: range(4 - groups, 4),
    queryHeads: range(8 - 2 * groups, 8),
    ffnChannels: range(172 - channels, 172),
  };
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
