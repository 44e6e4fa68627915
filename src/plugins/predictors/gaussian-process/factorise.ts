import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { choleskyFactor, choleskySolve } from './cholesky.js';
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
export function factorise(kernel: Kernel, rows: readonly Float64Array[], targets: Float64Array): Factorisation {
  const lines = rows.map((row) => covariances(kernel, rows, row));
  const largest = lines.reduce((most, line, index) => Math.max(most, line[index] as number), 0);
  for (const share of Number.isFinite(largest) ? ADDED_SHARES : []) {
    const noise = kernel.noise + share * largest;
    const factor = choleskyFactor(
      lines.map((line, index) => {
        const noisy = Float64Array.from(line);
        noisy[index] = (line[index] as number) + noise;
        return noisy;
      }),
    );
    if (factor !== undefined) return { factor, weights: choleskySolve(factor, targets) };
  }
  throw new PrunecastError(
    'PREDICTOR_FAILED',
    `the covariance of these ${rows.length} pairs is not positive definite, whatever noise is added: leave out pairs that repeat others, or take another predictor (ridge)`,
  );
}
