import { z } from 'zod';
import { countRows, type EncodingBatch } from '../../core/pairs.js';
import type { FittedPredictor } from '../../core/ports/predictor.js';
import { findUnit } from '../../core/statistics/standardise.js';
import { definePredictor } from '../define.js';

const FEATURES = ['rates', 'rates-and-squares', 'rates-and-totals'] as const;
type Features = (typeof FEATURES)[number];

const options = z.strictObject({
  features: z
    .enum(['auto', ...FEATURES])
    .default('auto')
    .describe('What the targets are regressed on; `auto` takes what gives the smallest leave-one-out error.'),
});

/**
 * Ridge regression (Hoerl and Kennard, 1970) on the rates and their squares, or on the rates and, for each kind of
 * dimension, the square of the total and the total of the squares. Every column is standardised, and the intercept is
 * not penalised. Pruning several layers costs more than the sum of their costs; the few columns of totals show that
 * even with too few pairs for one square per dimension.
 *
 * The penalty is the one with the smallest leave-one-out error, in closed form: with the singular value decomposition
 * X = U S V^T and f_k = s_k^2 / (s_k^2 + lambda), the left-out residual of pair i is
 * (y_i - yhat_i) / (1 - 1/n - sum_k f_k u_ik^2) (Golub, Heath and Wahba, "Generalized Cross-Validation", 1979).
 * Unlike trees, it extrapolates beyond the sampled rates.
 */
export default definePredictor({
  id: 'ridge',
  summary: 'Ridge regression on pruning rates and their squares or totals, the penalty chosen by leave-one-out error.',
  options,
  runsIn: 'worker',
  pairs: { least: 3, most: 20_000 },
  fit: async (pairs, { features }) => {
    const unit = findUnit(pairs.targets);
    const targets = pairs.targets.map((target) => target / unit);
    const kinds = numberKinds(pairs.dimensions);
    const models: { readonly model: Model; readonly error: number }[] = [];
    for (const form of features === 'auto' ? (['rates-and-squares', 'rates-and-totals'] as const) : [features]) {
      const design = standardise(
        expand({ rates: pairs.rates, columns: pairs.dimensions.length }, { features: form, kinds }),
      );
      const { error, intercept, weights } = await solve(design, targets);
      models.push({
        error,
        model: {
          features: form,
          kinds,
          intercept: unit * intercept,
          weights: weights.map((weight) => unit * weight),
          means: [...design.means],
          scales: [...design.scales],
        },
      });
    }
    const [best, ...others] = models;
    if (best === undefined) throw new RangeError('there are features to choose from');
    return createFitted(others.reduce((least, other) => (other.error < least.error ? other : least), best).model);
  },
  load: (bytes) => Promise.resolve(createFitted(JSON.parse(new TextDecoder().decode(bytes)) as Model)),
});

/** How rates become columns. */
interface Expansion {
  readonly features: Features;
  /** The kind of each rate, from 0; earlier versions, which had no totals, saved none. */
  readonly kinds?: readonly number[];
}

/** Plain values: JSON keeps every float64 exactly. */
interface Model extends Expansion {
  readonly intercept: number;
  /** Of the standardised columns. */
  readonly weights: readonly number[];
  readonly means: readonly number[];
  readonly scales: readonly number[];
}

/** [rows, columns], row-major. */
interface Design {
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

interface StandardisedDesign extends Design {
  readonly means: Float64Array;
  readonly scales: Float64Array;
}

function createFitted(model: Model): FittedPredictor {
  return {
    predict: (batch) => {
      const { values, rows, columns } = expand(batch, model);
      const slopes = model.weights.map((weight, column) => weight / (model.scales[column] ?? 1));
      const offset = slopes.reduce((sum, slope, column) => sum - slope * (model.means[column] ?? 0), model.intercept);
      const mean = new Float64Array(rows).fill(offset);
      for (let row = 0; row < rows; row++) {
        let sum = offset;
        for (let column = 0; column < columns; column++)
          sum += (slopes[column] as number) * (values[row * columns + column] as number);
        mean[row] = sum;
      }
      return Promise.resolve({ mean });
    },
    save: () => new TextEncoder().encode(JSON.stringify(model)),
  };
}

function expand(batch: EncodingBatch, { features, kinds = [] }: Expansion): Design {
  const rows = countRows(batch);
  const totals = features === 'rates-and-totals' ? 2 * (Math.max(...kinds) + 1) : 0;
  const columns = batch.columns * (features === 'rates-and-squares' ? 2 : 1) + totals;
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * columns, (row + 1) * columns);
    const rates = batch.rates.subarray(row * batch.columns, (row + 1) * batch.columns);
    own.set(rates);
    const behind = own.subarray(batch.columns);
    if (features === 'rates-and-squares') rates.forEach((rate, column) => (behind[column] = rate * rate));
    if (features === 'rates-and-totals') addTotals(rates, kinds, behind);
  }
  return { values, rows, columns };
}

/** For each kind, the square of its total and the total of its squares. */
function addTotals(rates: Float32Array, kinds: readonly number[], into: Float64Array): void {
  rates.forEach((rate, column) => {
    const place = 2 * (kinds[column] ?? 0);
    into[place] = (into[place] ?? 0) + rate;
    into[place + 1] = (into[place + 1] ?? 0) + rate * rate;
  });
  for (let place = 0; place < into.length; place += 2) into[place] = (into[place] ?? 0) ** 2;
}

/**
 * Dimensions are of one kind if their names differ only in numbers, as `layers.3.ffn_channels` and
 * `layers.4-7.ffn_channels` do.
 */
function numberKinds(dimensions: readonly string[]): number[] {
  const kinds = new Map<string, number>();
  return dimensions.map((name) => {
    const kind = name.replaceAll(/[\d-]+/g, '');
    const known = kinds.get(kind) ?? kinds.size;
    kinds.set(kind, known);
    return known;
  });
}

function standardise({ values, rows, columns }: Design): StandardisedDesign {
  const means = new Float64Array(columns);
  const scales = new Float64Array(columns);
  const standard = new Float64Array(values.length);
  for (let column = 0; column < columns; column++) {
    let [sum, squares] = [0, 0];
    for (let row = 0; row < rows; row++) sum += values[row * columns + column] as number;
    const mean = sum / rows;
    for (let row = 0; row < rows; row++) squares += ((values[row * columns + column] as number) - mean) ** 2;
    // A constant column carries no information: its standardised values are 0, whatever the scale.
    const scale = Math.sqrt(squares / rows) || 1;
    for (let row = 0; row < rows; row++)
      standard[row * columns + column] = ((values[row * columns + column] as number) - mean) / scale;
    means[column] = mean;
    scales[column] = scale;
  }
  return { values: standard, rows, columns, means, scales };
}

async function solve(
  design: Design,
  targets: Float64Array,
): Promise<{ intercept: number; weights: number[]; error: number }> {
  const { Matrix, SingularValueDecomposition } = await import('ml-matrix');
  const { rows, columns } = design;
  const matrix = Matrix.from1DArray(rows, columns, design.values);
  const {
    leftSingularVectors: left,
    rightSingularVectors: right,
    diagonal,
  } = new SingularValueDecomposition(matrix, { autoTranspose: true });
  const singular = diagonal.filter((value) => value > 1e-10 * (diagonal[0] ?? 0));
  const intercept = targets.reduce((sum, target) => sum + target, 0) / rows;
  const projected = singular.map((_, k) =>
    targets.reduce((sum, target, row) => sum + left.get(row, k) * (target - intercept), 0),
  );
  const errorAt = (lambda: number): number => {
    const shrink = singular.map((value) => value ** 2 / (value ** 2 + lambda));
    let error = 0;
    for (let row = 0; row < rows; row++) {
      let [fitted, leverage] = [intercept, 1 / rows];
      shrink.forEach((f, k) => {
        const u = left.get(row, k);
        fitted += f * u * (projected[k] ?? 0);
        leverage += f * u * u;
      });
      error += (((targets[row] ?? 0) - fitted) / Math.max(1 - leverage, 1e-9)) ** 2;
    }
    return error;
  };
  const lambdas = Array.from({ length: 49 }, (_, index) => (singular[0] ?? 1) ** 2 * 10 ** (-6 + index / 6));
  const errors = lambdas.map(errorAt);
  const error = Math.min(...errors);
  const lambda = lambdas[errors.indexOf(error)] ?? 1;
  const weights = Array.from({ length: columns }, (_, column) =>
    singular.reduce(
      (sum, value, k) => sum + right.get(column, k) * (value / (value ** 2 + lambda)) * (projected[k] ?? 0),
      0,
    ),
  );
  return { intercept, weights, error };
}
