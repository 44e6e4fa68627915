import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { factoriseInPlace, invertTransposed, solveInPlace } from '../../../src/engine/compensation/cholesky.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import { createTransposedProduct } from '../../../src/engine/graph/transposed-product.js';
import { multiplyTransposed } from '../../../src/plugins/testing/multiply-transposed.js';

const tools = { multiplyTransposed };

describe('factoriseInPlace', () => {
  it('finds the upper factor of an example worked out by hand, whatever lies in the lower half', async () => {
    const matrix = Float64Array.of(4, 2, 6, 7, 10, 6, 7, 7, 19); // U = [2 1 3; 3 1; 3]
    await factoriseInPlace(matrix, 3, tools);
    expect([0, 1, 2, 4, 5, 8].map((at) => matrix[at])).toEqual([2, 1, 3, 3, 1, 3]);
  });

  it('names the pivot of a matrix that is not positive definite, and what to do', async () => {
    const refusal = {
      reason: 'CALIBRATION_UNUSABLE',
      message: expect.stringMatching(/pivot 1 of 2 is -3\): raise damping, or give more calibration text/),
      metadata: { pivot: '1', size: '2', value: '-3' },
    };
    await expect(factoriseInPlace(Float64Array.of(1, 2, 2, 1), 2, tools)).rejects.toThrow(
      expect.objectContaining(refusal),
    );
  });

  it('names the pivot among all rows if it lies in a later block', async () => {
    const size = 200;
    const matrix = identity(size);
    matrix[150 * size + 150] = -1;
    await expect(factoriseInPlace(matrix, size, tools)).rejects.toThrow(/pivot 150 of 200 is -1/);
  });
});

describe('invertTransposed', () => {
  it('returns the transposed inverse of an upper factor', async () => {
    const inverse = await invertTransposed(Float64Array.of(2, 1, 3, 0, 3, 1, 0, 0, 3), 3, tools);
    const lower = Float64Array.of(2, 0, 0, 1, 3, 0, 3, 1, 3);
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const product = [0, 1, 2].reduce((sum, k) => sum + (lower[3 * i + k] ?? 0) * (inverse[3 * k + j] ?? 0), 0);
        expect(product).toBeCloseTo(i === j ? 1 : 0, 14);
      }
    }
  });
});

describe('solveInPlace', () => {
  it('solves for several columns at once, worked out by hand', async () => {
    const gram = Float64Array.of(4, 2, 6, 2, 10, 6, 6, 6, 19);
    const product = Float64Array.of(26, 4, 40, 2, 75, 6); // gram times [1 1; 2 0; 3 0]
    await solveInPlace(gram, product, 3, tools);
    [1, 1, 2, 0, 3, 0].forEach((value, at) => expect(product[at]).toBeCloseTo(value, 12));
  });
});

describe('factorisations of several blocks and strips', () => {
  it("are as accurate as float64 allows, with the engine's own products", async () => {
    const [size, columns] = [1300, 3]; // eleven blocks, two strips
    const sessions = createSessionPool({ threads: 1 });
    try {
      const fast = { multiplyTransposed: createTransposedProduct(sessions) };
      const rng = createRng(11);
      const inputs = Float64Array.from({ length: size * size }, () => rng.uniform() - 0.4);
      const gram = await fast.multiplyTransposed(inputs, inputs, { inner: size, rows: size, columns: size });
      for (let row = 0; row < size; row++) gram[row * (size + 1)] = (gram[row * (size + 1)] ?? NaN) + 10;
      const solution = Float64Array.from({ length: size * columns }, () => rng.uniform() - 0.5);
      const product = await fast.multiplyTransposed(gram, solution, { inner: size, rows: size, columns });

      const factor = gram.slice();
      await factoriseInPlace(factor, size, fast);
      const inverse = await invertTransposed(factor, size, fast);
      // U^-1 U^-T (G W) = W
      const half = await fast.multiplyTransposed(transpose(inverse, size), product, {
        inner: size,
        rows: size,
        columns,
      });
      const solved = await fast.multiplyTransposed(inverse, half, { inner: size, rows: size, columns });
      await solveInPlace(gram, product, size, fast);
      for (const found of [solved, product]) {
        const worst = found.reduce((most, value, at) => Math.max(most, Math.abs(value - (solution[at] ?? NaN))), 0);
        expect(worst).toBeLessThan(1e-11); // the condition number is about 2000
      }
    } finally {
      await sessions.close();
    }
  });
});

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let row = 0; row < size; row++) matrix[row * (size + 1)] = 1;
  return matrix;
}

function transpose(matrix: Float64Array, size: number): Float64Array {
  return matrix.map((_, at) => matrix[(at % size) * size + Math.floor(at / size)] ?? NaN);
}
