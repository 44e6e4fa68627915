import { describe, expect, it } from 'vitest';
import { hadamard, rotateRows } from '../../../src/engine/quantisation/rotate-rows.js';

describe('rotateRows', () => {
  it('replaces two rows by their sum and difference over sqrt(2), and fills the last block with zeros', () => {
    const rotated = rotateRows(Float32Array.of(3, 5, 1, -1, 2, 4), 2, 2);
    const expected = [4, 4, 2, 6, 2, 4, 2, 4].map((value) => value * Math.SQRT1_2);
    expect(rotated).toHaveLength(8);
    rotated.forEach((value, at) => expect(value).toBeCloseTo(expected[at] ?? NaN, 6));
  });

  it('keeps the product of rotated inputs and rotated rows', () => {
    const [size, columns] = [8, 3];
    const weights = Float32Array.from({ length: size * columns }, (_, at) => Math.sin(at));
    const inputs = Float32Array.from({ length: size }, (_, at) => (at === 5 ? 100 : Math.cos(at)));
    const matrix = hadamard(size);
    const spread = inputs.map((_, column) =>
      inputs.reduce((sum, value, row) => sum + value * (matrix[row * size + column] ?? NaN), 0),
    );
    expect(Math.max(...spread.map(Math.abs))).toBeLessThan(40); // 100 / sqrt(8), plus the share of the others
    const product = (values: Float32Array, rows: Float32Array, column: number): number =>
      values.reduce((sum, value, row) => sum + value * (rows[row * columns + column] ?? NaN), 0);
    for (let column = 0; column < columns; column++)
      expect(product(spread, rotateRows(weights, columns, size), column)).toBeCloseTo(
        product(inputs, weights, column),
        4,
      );
  });
});
