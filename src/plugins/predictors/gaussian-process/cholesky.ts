/**
 * Rows of the lower Cholesky factor L of a symmetric matrix, of which only the lower triangle is read; undefined if it
 * is not positive definite. In the order of ml-matrix, whose accessors take most of its time.
 */
export function choleskyFactor(matrix: readonly Float64Array[]): Float64Array[] | undefined {
  const factor: Float64Array[] = [];
  for (const [j, line] of matrix.entries()) {
    const row = new Float64Array(matrix.length);
    let squares = 0;
    for (let k = 0; k < j; k++) {
      const above = factor[k] as Float64Array;
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (above[i] as number) * (row[i] as number);
      const value = ((line[k] as number) - sum) / (above[k] as number);
      row[k] = value;
      squares += value * value;
    }
    const rest = (line[j] as number) - squares;
    if (!(rest > 0)) return undefined;
    row[j] = Math.sqrt(rest);
    factor.push(row);
  }
  return factor;
}

/** (L L^T)^-1 values, from the rows of L. */
export function choleskySolve(factor: readonly Float64Array[], values: Float64Array): Float64Array {
  const solved = Float64Array.from(values);
  for (const [k, line] of factor.entries()) {
    for (let i = 0; i < k; i++) solved[k] = (solved[k] as number) - (solved[i] as number) * (line[i] as number);
    solved[k] = (solved[k] as number) / (line[k] as number);
  }
  for (let k = factor.length - 1; k >= 0; k--) {
    for (let i = k + 1; i < factor.length; i++)
      solved[k] = (solved[k] as number) - (solved[i] as number) * ((factor[i] as Float64Array)[k] as number);
    solved[k] = (solved[k] as number) / ((factor[k] as Float64Array)[k] as number);
  }
  return solved;
}
