import { sum } from '../sum.js';

/**
 * The standard error of a mean over items that is a ratio of two sums: of r = sum(values) / sum(weights), with the
 * residuals e = value - r weight of n items, sqrt(n / (n - 1) sum(e^2)) / sum(weights) (the linearised variance of a
 * ratio estimator; Cochran, "Sampling Techniques", 1977, section 6.3). With weights of 1 it is the sample's standard
 * deviation over sqrt(n). Items of weight 0 do not count: a category has the standard error of its own questions.
 *
 * @returns undefined for fewer than two items
 */
export function standardError(values: ArrayLike<number>, weights: ArrayLike<number>): number | undefined {
  const counted = Array.from(weights, (weight, item) => ({ value: values[item] as number, weight })).filter(
    ({ weight }) => weight !== 0,
  );
  const count = counted.length;
  if (count < 2) return undefined;
  const weight = sum(counted.map((item) => item.weight));
  const ratio = sum(counted.map((item) => item.value)) / weight;
  const squares = sum(counted.map((item) => (item.value - ratio * item.weight) ** 2));
  return Math.sqrt((count / (count - 1)) * squares) / weight;
}
