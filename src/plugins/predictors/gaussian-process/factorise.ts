import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { covariances, type Kernel } from './kernel.js';

export interface Factorisation {
  /** Rows of the lower Cholesky factor L of the labels' covariance. */
  readonly factor: readonly Float64Array[];
  /** (L L^T)^-1 targets. */
  readonly weights: Float64Array;
}

/**
 * Amounts added to the noise in turn, as shares of the largest variance, until the covariance is positive definite
 * despite rounding.
 */
const ADDED_SHARES = [0, 1e-12, 1e-10, 1e-8, 1e-6] as const;

/**
 * The Cholesky factor of the covariance of the rows' labels, and the weights that predict from them. If equal rows or
 * rounding leave no such factor, as little noise as possible is added.
 *
 * @throws PrunecastError PREDICTOR_FAILED if no noise helps
 */
export async function factorise(
  kernel: Kernel,
  rows: readonly Float64Array[],
  targets: Float64Array,
): Promise<Factorisation> {
  const { CholeskyDecomposition, Matrix } = await import('ml-matrix');
  const lines = rows.map((row) => covariances(kernel, rows, row));
  const largest = lines.reduce((most, line, index) => Math.max(most, line[index] as number), 0);
  for (const share of Number.isFinite(largest) ? ADDED_SHARES : []) {
    const noise = kernel.noise + share * largest;
    const cholesky = new CholeskyDecomposition(
      new Matrix(lines.map((line, index) => line.map((value, other) => (other === index ? value + noise : value)))),
    );
    if (!cholesky.isPositiveDefinite()) continue;
    return {
      factor: cholesky.lowerTriangularMatrix.to2DArray().map((line) => Float64Array.from(line)),
      weights: Float64Array.from(cholesky.solve(Matrix.columnVector(targets)).to1DArray()),
    };
  }
  throw new PrunecastError(
    'PREDICTOR_FAILED',
    `the covariance of these ${rows.length} pairs is not positive definite, whatever noise is added: leave out pairs that repeat others, or take another predictor (ridge)`,
  );
}
