import type { ObjectiveValues } from './pareto-fronts.js';

/**
 * The exact volume that some points dominate up to a reference point; lower is better in each objective. Points that
 * are not below the reference in every objective add nothing. Slices the space at each point's last value (While,
 * Hingston, Barone and Huband, "A faster algorithm for calculating hypervolume", 2006): fast for few objectives,
 * exponential in their number.
 */
export function hypervolume(points: readonly ObjectiveValues[], reference: ObjectiveValues): number {
  const inside = points.filter((point) =>
    reference.every((limit, objective) => (point[objective] ?? Number.NaN) < limit),
  );
  return measure(inside, reference, reference.length);
}

/** The volume over the first `objectives` values. */
function measure(points: readonly ObjectiveValues[], reference: ObjectiveValues, objectives: number): number {
  if (points.length === 0) return 0;
  const last = objectives - 1;
  const at = (point: ObjectiveValues): number => point[last] ?? 0;
  const limit = reference[last] ?? 0;
  if (objectives === 1) return limit - points.reduce((least, point) => Math.min(least, at(point)), limit);
  const ascending = points.toSorted((a, b) => at(a) - at(b));
  if (objectives === 2) return sweep(ascending, reference);
  return ascending.reduce((volume, point, place) => {
    const depth = (place + 1 < ascending.length ? at(ascending[place + 1] ?? point) : limit) - at(point);
    return depth === 0 ? volume : volume + depth * measure(ascending.slice(0, place + 1), reference, last);
  }, 0);
}

/** The area of two objectives, the points ascending in the second. */
function sweep(ascending: readonly ObjectiveValues[], [right = 0, top = 0]: ObjectiveValues): number {
  let [area, reached] = [0, right];
  for (const [first = right, second = top] of ascending) {
    if (first >= reached) continue;
    area += (reached - first) * (top - second);
    reached = first;
  }
  return area;
}
