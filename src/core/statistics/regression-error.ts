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
