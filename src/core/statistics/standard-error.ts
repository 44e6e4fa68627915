/**
 * The standard error of a mean over items that is a ratio of two sums: of r = sum(values) / sum(weights), with the
 * residuals e = value - r weight of n items, sqrt(n / (n - 1) sum(e^2)) / sum(weights) (the linearised variance of a
 * ratio estimator; Cochran, "Sampling Techniques", 1977, section 6.3). With weights of 1 it is the sample's standard
 * deviation over sqrt(n).
 *
 * @returns undefined for fewer than two items
 */
export function standardError(values: ArrayLike<number>, weights: ArrayLike<number>): number | undefined {
  const count = values.length;
  if (count < 2) return undefined;
  const weight = sum(weights);
  const ratio = sum(values) / weight;
  let squares = 0;
  for (let item = 0; item < count; item++)
    squares += ((values[item] as number) - ratio * (weights[item] as number)) ** 2;
  return Math.sqrt((count / (count - 1)) * squares) / weight;
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let item = 0; item < values.length; item++) total += values[item] as number;
  return total;
}
