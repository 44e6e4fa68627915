import type { Architecture } from '../../core/model/shape.js';
import { decodeCounts, type SearchSpace } from '../../core/space/search-space.js';

/**
 * The architecture of a space that is hardest to export: with a dropped half-block if the space allows it and `least`
 * is 0; with unequal layers if the space allows them; otherwise a uniform one.
 *
 * @param least the smallest count that is taken from the space
 */
export function findHardestArchitecture(space: SearchSpace, least: 0 | 1): Architecture {
  const largest = space.dimensions.map(({ counts, size }) => counts.at(-1) ?? size);
  const smallest = space.dimensions.map(({ counts, size }) => counts.find((count) => count >= least) ?? size);
  const dropped = smallest.indexOf(0);
  const cut = dropped >= 0 ? dropped : smallest.findIndex((count, index) => count < (largest[index] ?? 0));
  return decodeCounts(space, largest.with(Math.max(0, cut), smallest[Math.max(0, cut)] ?? 0));
}
