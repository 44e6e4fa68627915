import { crowdingDistances } from './crowding-distance.js';
import { sortIntoFronts, type ObjectiveValues } from './pareto-fronts.js';

/**
 * Indices of the best `count` points, front by front and ascending within a front. Of a front that does not fit as a
 * whole the most crowded point goes first, again and again, so that what is left is spread over it (one look at the
 * distances, as in NSGA-II, would empty whole stretches). With one objective: the lowest values, the earlier of two
 * alike.
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

/** Fronts of one objective are its values: 10,000 take a tenth of a second to sort into them. */
function sortByValue(points: readonly ObjectiveValues[]): number[] {
  return points
    .map((_, index) => index)
    .sort((a, b) => (points[a]?.[0] ?? Number.NaN) - (points[b]?.[0] ?? Number.NaN) || a - b);
}

/**
 * Removals one by one take the square of a front's size: of a front larger than this one look at the distances comes
 * before.
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

/** The points of one front, the loneliest first, the earlier of two alike. */
export function sortByCrowding(points: readonly ObjectiveValues[], front: readonly number[]): number[] {
  const distances = crowdingDistances(front.map((index) => points[index] ?? []));
  // Infinity less Infinity is no number: ends compare as equal.
  return front
    .map((index, at) => ({ index, distance: distances[at] ?? 0 }))
    .sort((a, b) => (a.distance === b.distance ? a.index - b.index : b.distance - a.distance))
    .map(({ index }) => index);
}
