import type { ObjectiveValues } from './pareto-fronts.js';

/**
 * Index of a front's knee: where giving up a little in one objective stops to bring much in another. It is the point
 * that bulges the most below the line, or plane, through the extremes (Das, "On characterizing the 'knee' of the Pareto
 * curve based on normal-boundary intersection", 1999), with each objective scaled to [0, 1] over the front: that with
 * the smallest sum of scaled values. An extreme itself where the front does not bulge; the earlier of two alike;
 * undefined of no points.
 */
export function findKnee(front: readonly ObjectiveValues[]): number | undefined {
  if (front.length === 0) return undefined;
  const ranges = [...(front[0]?.keys() ?? [])].map((objective) => {
    const values = front.map((point) => point[objective] ?? Number.NaN);
    return { least: values.reduce((a, b) => Math.min(a, b)), most: values.reduce((a, b) => Math.max(a, b)) };
  });
  const sums = front.map((point) =>
    ranges.reduce(
      (sum, { least, most }, objective) =>
        sum + (most > least ? ((point[objective] ?? Number.NaN) - least) / (most - least) : 0),
      0,
    ),
  );
  return sums.reduce((knee, sum, index) => (sum < (sums[knee] ?? 0) - 1e-12 ? index : knee), 0);
}
