/**
 * The lower factor L of a small symmetric matrix, G = L L^T, row by row. Overwrites the lower half of `matrix`, [size,
 * size] row-major, and clears the upper one. Returns the first pivot that is not positive; undefined: all are.
 */
export function factoriseBlock(
  matrix: Float64Array,
  size: number,
): { readonly pivot: number; readonly value: number } | undefined {
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j <= i; j++) {
      const other = j * size;
      const value = (matrix[row + j] as number) - dot(matrix, row, other, j);
      if (j < i) matrix[row + j] = value / (matrix[other + j] as number);
      else if (value > 0) matrix[row + i] = Math.sqrt(value);
      else return { pivot: i, value };
    }
    matrix.fill(0, row + i + 1, row + size);
  }
  return undefined;
}

/** L^-1 of a small lower factor, also lower, [size, size] row-major; zeros above. */
export function invertLowerBlock(factor: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = i * size;
    const scale = 1 / (factor[row + i] as number);
    for (let k = 0; k < i; k++) addScaled(inverse, row, k * size, -(factor[row + k] as number) * scale, k + 1);
    inverse[row + i] = scale;
  }
  return inverse;
}

/** The dot product of the first `length` numbers of two rows; four sums at once keep the processor busy. */
function dot(values: Float64Array, a: number, b: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += (values[a + k] as number) * (values[b + k] as number);
    s1 += (values[a + k + 1] as number) * (values[b + k + 1] as number);
    s2 += (values[a + k + 2] as number) * (values[b + k + 2] as number);
    s3 += (values[a + k + 3] as number) * (values[b + k + 3] as number);
  }
  for (; k < length; k++) s0 += (values[a + k] as number) * (values[b + k] as number);
  return s0 + s1 + s2 + s3;
}

function addScaled(values: Float64Array, to: number, from: number, scale: number, length: number): void {
  for (let k = 0; k < length; k++) values[to + k] = (values[to + k] as number) + scale * (values[from + k] as number);
}
