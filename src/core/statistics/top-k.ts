/**
 * The share of the k truly best that are among the k predicted best. Lower is better; of equal values the earlier is
 * better.
 */
export function topKRecall(truth: ArrayLike<number>, predicted: ArrayLike<number>, k: number): number {
  const found = new Set(lowest(predicted, k));
  const best = lowest(truth, k);
  return best.filter((index) => found.has(index)).length / best.length;
}

/**
 * What is lost by measuring only the k predicted best: the best truth among them minus the best truth of all, at least
 * 0, in the unit of the values. Lower is better.
 */
export function regretAtK(truth: ArrayLike<number>, predicted: ArrayLike<number>, k: number): number {
  const reached = least(lowest(predicted, k).map((index) => truth[index] ?? Number.NaN));
  return reached - least(truth);
}

function least(values: ArrayLike<number>): number {
  return Array.from(values).reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
}

function lowest(values: ArrayLike<number>, k: number): number[] {
  return Array.from(values, (_, index) => index)
    .sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || a - b)
    .slice(0, k);
}
