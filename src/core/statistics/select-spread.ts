import { sortIntoFronts, type ObjectiveValues } from './pareto-fronts.js';

/**
 * Indices of the best `count` points, front by front and ascending within a front. From a front that does not fit as a
 * whole, the most crowded point is removed again and again, so that the rest is spread over it (removing all at once by
 * their distances, as in NSGA-II, would empty whole stretches). With one objective: the lowest values, of two equal
 * ones the earlier.
 */
export function selectSpread(points: readonly ObjectiveValues[], count: number): number[] {
  if (points[0]?.length === 1) return sortByValue(points).slice(0, count);
  const chosen: number[] = [];
  for (const front of sortIntoFronts(points)) {
    const room = count - chosen.length;
    if (room <= 0) break;
    chosen.push(...(front.length <= room ? front : thinOut(points, front, room)));
  }
  return chosen;
}

/** With one objective each value is a front: sorting 10,000 into them would take a tenth of a second. */
function sortByValue(points: readonly ObjectiveValues[]): number[] {
  return points
    .map((_, index) => index)
    .sort((a, b) => (points[a]?.[0] ?? Number.NaN) - (points[b]?.[0] ?? Number.NaN) || a - b);
}

/**
 * Removing one by one takes time in the square of a front's size: a larger front is first reduced at once by its
 * distances.
 */
const THINNED_ONE_BY_ONE = 256;

function thinOut(points: readonly ObjectiveValues[], front: readonly number[], count: number): number[] {
  const most = Math.max(count, THINNED_ONE_BY_ONE);
  let left =
    front.length <= most
      ? [...front]
      : sortByCrowding(points, front)
          .slice(0, most)
          .sort((a, b) => a - b);
  while (left.length > count) {
    const distances = crowdingDistances(left.map((index) => points[index] ?? []));
    const place = distances.reduce((least, distance, at) => (distance <= (distances[least] ?? 0) ? at : least), 0);
    left = left.toSpliced(place, 1);
  }
  return left;
}

/** The points of one front, the one farthest from others first; of two equal ones the earlier. */
export function sortByCrowding(points: readonly ObjectiveValues[], front: readonly number[]): number[] {
  const distances = crowdingDistances(front.map((index) => points[index] ?? []));
  // Infinity minus Infinity is not a number: ends compare as equal.
  return front
    .map((index, at) => ({ index, distance: distances[at] ?? 0 }))
    .sort((a, b) => (a.distance === b.distance ? a.index - b.index : b.distance - a.distance))
    .map(({ index }) => index);
}

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
