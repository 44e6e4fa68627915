import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { countRows, type EncodingBatch, type PairTable } from '../../src/core/pairs.js';
import type { Prediction } from '../../src/core/ports/predictor.js';

/** A fit that predicts a batch with the columns of its pairs; deviations take time, and come only if asked for. */
export type Predict = (batch: EncodingBatch, wants: 'means' | 'deviations') => Promise<Prediction>;

/**
 * The built-in `ridge` with a weight for each pair, and with deviations. With equal weights its means are those of the
 * built-in one. The deviation is that of a Bayesian linear regression whose noise is the leave-one-out error.
 *
 * @param weights above 0, one for each pair
 */
export function fitWeightedRidge(pairs: PairTable, weights: Float64Array): Predict {
  const kinds = numberKinds(pairs.dimensions);
  const batch = { rates: pairs.rates, columns: pairs.dimensions.length };
  const [squares, totals] = [true, false].map((squared) => {
    const expand = (rates: Float32Array): number[] => [...rates, ...(squared ? square(rates) : total(rates, kinds))];
    return solve(listRows(batch).map(expand), pairs.targets, weights, expand);
  });
  if (squares === undefined || totals === undefined) throw new RangeError('there are features to choose from');
  return (totals.error < squares.error ? totals : squares).predict;
}

function listRows({ rates, columns }: EncodingBatch): Float32Array[] {
  return Array.from({ length: countRows({ rates, columns }) }, (_, row) =>
    rates.subarray(row * columns, (row + 1) * columns),
  );
}

function square(rates: Float32Array): number[] {
  return Array.from(rates, (rate) => rate * rate);
}

/** For each kind, the square of its total and the total of its squares. */
function total(rates: Float32Array, kinds: readonly number[]): number[] {
  const sums = Array.from({ length: 2 * (Math.max(...kinds) + 1) }, () => 0);
  rates.forEach((rate, column) => {
    const place = 2 * (kinds[column] ?? 0);
    sums[place] = (sums[place] ?? 0) + rate;
    sums[place + 1] = (sums[place + 1] ?? 0) + rate * rate;
  });
  return sums.map((sum, place) => (place % 2 === 0 ? sum * sum : sum));
}

/** Dimensions are of one kind if their names differ only in numbers. */
function numberKinds(dimensions: readonly string[]): number[] {
  const names = dimensions.map((name) => name.replaceAll(/[\d-]+/g, ''));
  const kinds = [...new Set(names)];
  return names.map((name) => kinds.indexOf(name));
}

/** The penalty with the least weighted leave-one-out error; see the built-in `ridge`, with rows times sqrt(weight). */
function solve(
  rows: readonly (readonly number[])[],
  targets: Float64Array,
  weights: Float64Array,
  expand: (rates: Float32Array) => number[],
): { readonly error: number; readonly predict: Predict } {
  const columns = rows[0]?.length ?? 0;
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const average = (valueOf: (row: number) => number): number =>
    weights.reduce((all, weight, row) => all + weight * valueOf(row), 0) / sum;
  const means = Array.from({ length: columns }, (_, column) => average((row) => rows[row]?.[column] ?? 0));
  const scales = means.map(
    (mean, column) => Math.sqrt(average((row) => ((rows[row]?.[column] ?? 0) - mean) ** 2)) || 1,
  );
  const scaled = (row: readonly number[]): number[] =>
    row.map((value, column) => (value - (means[column] ?? 0)) / (scales[column] ?? 1));
  const roots = weights.map(Math.sqrt);
  const matrix = new Matrix(rows.map((row, place) => scaled(row).map((value) => value * (roots[place] ?? 0))));
  const decomposed = new SingularValueDecomposition(matrix, { autoTranspose: true });
  const singular = decomposed.diagonal.filter((value) => value > 1e-10 * (decomposed.diagonal[0] ?? 0));
  const left = decomposed.leftSingularVectors.to2DArray();
  const directions = decomposed.rightSingularVectors.transpose().to2DArray().slice(0, singular.length);
  const intercept = average((row) => targets[row] ?? 0);
  const rooted = targets.map((target, row) => (roots[row] ?? 0) * (target - intercept));
  const projected = singular.map((_, k) => rooted.reduce((all, value, row) => all + (left[row]?.[k] ?? 0) * value, 0));
  const errorAt = (lambda: number): number => {
    const shrink = singular.map((value) => value ** 2 / (value ** 2 + lambda));
    return rooted.reduce((all, value, row) => {
      let [fitted, leverage] = [0, (weights[row] ?? 0) / sum];
      shrink.forEach((f, k) => {
        const u = left[row]?.[k] ?? 0;
        fitted += f * u * (projected[k] ?? 0);
        leverage += f * u * u;
      });
      return all + ((value - fitted) / Math.max(1 - leverage, 1e-9)) ** 2;
    }, 0);
  };
  const lambdas = Array.from({ length: 49 }, (_, index) => (singular[0] ?? 1) ** 2 * 10 ** (-6 + index / 6));
  const errors = lambdas.map(errorAt);
  const error = Math.min(...errors);
  const lambda = lambdas[errors.indexOf(error)] ?? 1;
  const variance = error / sum;
  const slopes = Array.from({ length: columns }, (_, column) =>
    singular.reduce(
      (all, value, k) => all + (directions[k]?.[column] ?? 0) * (value / (value ** 2 + lambda)) * (projected[k] ?? 0),
      0,
    ),
  );
  return {
    error,
    predict: async (batch, wants) => {
      const points = listRows(batch).map((rates) => scaled(expand(rates)));
      const mean = Float64Array.from(points, (point) => intercept + dot(point, slopes));
      if (wants === 'means') return { mean };
      // sqrt(x (X'X + lambda I)^-1 x'); what no pair varies is left out, as it is left out of the mean.
      const deviation = Float64Array.from(points, (point) => {
        const known = directions.reduce(
          (all, direction, k) => all + dot(point, direction) ** 2 / ((singular[k] ?? 0) ** 2 + lambda),
          1 / sum,
        );
        return Math.sqrt(variance * known);
      });
      return { mean, deviation };
    },
  };
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] as number) * (b[index] as number);
  return sum;
}
