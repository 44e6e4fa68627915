import { describe, expect, it } from 'vitest';
import type { TransposedProduct } from '../../../src/core/ports/compensation.js';
import { factoriseInPlace, invertTransposed } from '../../../src/engine/compensation/cholesky.js';
import { measureFactorisation } from '../../../src/engine/compensation/measure-factorisation.js';
import { createSessionPool } from '../../../src/engine/graph/session-pool.js';
import { createTransposedProduct } from '../../../src/engine/graph/transposed-product.js';

/** Milliseconds of processor time of this process. */
const now = (): number => process.cpuUsage().user / 1000;

describe('measureFactorisation', () => {
  it('is the pace at which matrices of another size are really factorised and inverted', async () => {
    const sessions = createSessionPool({ threads: 1 });
    try {
      const multiplyTransposed = createTransposedProduct(sessions);
      const measured = await measureFactorisation(multiplyTransposed, now);
      const size = 1024;
      const matrix = new Float64Array(size ** 2);
      for (let row = 0; row < size; row++) matrix[row * (size + 1)] = 2;
      const from = now();
      await factoriseInPlace(matrix, size, { multiplyTransposed });
      await invertTransposed(matrix, size, { multiplyTransposed });
      const seconds = (now() - from) / 1000;
      const estimated = ((2 / 3) * size ** 3) / measured;
      expect(estimated / seconds).toBeGreaterThan(1 / 4);
      expect(estimated / seconds).toBeLessThan(4);
    } finally {
      await sessions.close();
    }
  });

  it('counts no time in which the processor did other work', async () => {
    // A clock that says how often it was asked, but for an hour between the third and the fourth answer.
    let asked = 0;
    const clock = (): number => (asked++ >= 3 ? 3_600_000 : 0) + asked;
    // One tick of a millisecond.
    expect(((2 / 3) * 768 ** 3) / (await measureFactorisation(still, clock))).toBeCloseTo(0.001, 9);
  });
});

/** Multiplies nothing, in no time. */
const still: TransposedProduct = async (a, _, { rows, columns }) =>
  new (a instanceof Float64Array ? Float64Array : Float32Array)(rows * columns) as typeof a;
