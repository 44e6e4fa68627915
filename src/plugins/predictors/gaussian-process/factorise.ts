import { covariances, type Kernel } from './kernel.js';

export interface Factorisation {
  /** Rows of the lower Cholesky factor L of the labels' covariance. */
  readonly factor: readonly Float64Array[];
  /** (L L^T)^-1 targets. */
  readonly weights: Float64Array;
}

/** The Cholesky factor of the covariance of some rows' labels, and the weights that predict from them. */
export async function factorise(kernel: Kernel, rows: readonly Float64Array[], targets: Float64Array): Promise<Factorisation> {
  const { CholeskyDecomposition, Matrix } = await import('ml-matrix');
  const covariance = new Matrix(rows.map((row, index) => {
    const line = covariances(kernel, rows, row);
    line[index] = (line[index] as number) + kernel.noise;
    return line;
  }));
  const cholesky = new CholeskyDecomposition(covariance);
  return {
    factor: cholesky.lowerTriangularMatrix.to2DArray().map((line) => Float64Array.from(line)),
    weights: Float64Array.from(cholesky.solve(Matrix.columnVector(targets)).to1DArray()),
  };
}
