import type { ObjectiveValues } from './pareto-fronts.js';

/**
 * How far apart the points of one front lie (Deb and others, NSGA-II, 2002): the sum over objectives of the distance
 * between a point's two neighbours, divided by the front's range; Infinity at either end. Higher = farther from others.
 */
export function crowdingDistances(front: readonly ObjectiveValues[]): Float64Array {
  const distances = new Float64Array(front.length);
  for (const objective of front[0]?.keys() ?? []) {
    const at = (index: number | undefined): number => front[index ?? -1]?.[objective] ?? Number.NaN;
    const order = front.map((_, index) => index).sort((a, b) => at(a) - at(b) || a - b);
    const [first, last] = [order[0] ?? 0, order.at(-1) ?? 0];
    const range = at(last) - at(first);
    distances[first] = distances[last] = Number.POSITIVE_INFINITY;
    if (!(range > 0)) continue;
    order.slice(1, -1).forEach((index, place) => {
      distances[index] = (distances[index] ?? 0) + (at(order[place + 2]) - at(order[place])) / range;
    });
  }
  return distances;
}
