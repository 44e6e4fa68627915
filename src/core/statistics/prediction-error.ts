/** Coefficient of determination: 1 - sum (y - f)^2 / sum (y - mean y)^2. NaN if the truth is constant. */
export function r2(truth: ArrayLike<number>, predicted: ArrayLike<number>): number {
  const mean = sumOver(truth, (y) => y) / truth.length;
  const total = sumOver(truth, (y) => (y - mean) ** 2);
  const residual = sumOver(truth, (y, index) => (y - (predicted[index] ?? Number.NaN)) ** 2);
  return total === 0 ? Number.NaN : 1 - residual / total;
}

/** Mean absolute error, in the unit of the values. */
export function mae(truth: ArrayLike<number>, predicted: ArrayLike<number>): number {
  return sumOver(truth, (y, index) => Math.abs(y - (predicted[index] ?? Number.NaN))) / truth.length;
}

/** Root of the mean squared error, in the unit of the values. */
export function rmse(truth: ArrayLike<number>, predicted: ArrayLike<number>): number {
  return Math.sqrt(sumOver(truth, (y, index) => (y - (predicted[index] ?? Number.NaN)) ** 2) / truth.length);
}

function sumOver(values: ArrayLike<number>, term: (value: number, index: number) => number): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += term(values[index] as number, index);
  return sum;
}

/**
 * The share of the k truly best that are among the k predicted best. Lower values are better, of equal ones the
 * earlier.
 */
export function topKRecall(truth: ArrayLike<number>, predicted: ArrayLike<number>, k: number): number {
  const found = new Set(lowest(predicted, k));
  const best = lowest(truth, k);
  return best.filter((index) => found.has(index)).length / best.length;
}

/**
 * What is lost by measuring only the k predicted best: the best truth among them minus the best truth of all, at least
 * 0, in the unit of the values. Lower values are better.
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
