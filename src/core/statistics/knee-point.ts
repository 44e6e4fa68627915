import type { ObjectiveValues } from './pareto-fronts.js';

/**
 * The index of a front's knee: beyond it, giving up more of one objective gains little in another. It is the point
 * farthest below the line, or plane, through the extremes (Das, "On characterizing the 'knee' of the Pareto curve based
 * on normal-boundary intersection", 1999), with each objective scaled to [0, 1] over the front: the one with the
 * smallest sum of scaled values. If no point lies below, it is an extreme; of two equal ones the earlier; undefined
 * without points.
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
