import { describe, expect, it } from 'vitest';
import { runSteps } from '../../../src/core/run-steps.js';
import { factoriseInPlace, invertLower } from '../../../src/engine/compensation/cholesky.js';

describe('factoriseInPlace', () => {
  it('finds the lower factor of an example worked out by hand', () => {
    const matrix = Float64Array.of(4, 2, 6, 2, 10, 6, 6, 6, 19); // L = [2; 1 3; 3 1 3]
    runSteps(factoriseInPlace(matrix, 3));
    expect([matrix[0], matrix[3], matrix[4], matrix[6], matrix[7], matrix[8]]).toEqual([2, 1, 3, 3, 1, 3]);
  });

  it('names the pivot of a matrix that is not positive definite, and what to do', () => {
    const refusal = {
      reason: 'CALIBRATION_UNUSABLE',
      message: expect.stringMatching(/pivot 1 of 2 is -3\): raise damping/),
      metadata: { pivot: '1', size: '2', value: '-3' },
    };
    expect(() => runSteps(factoriseInPlace(Float64Array.of(1, 2, 2, 1), 2))).toThrow(expect.objectContaining(refusal));
  });
});

describe('invertLower', () => {
  it('returns the inverse of a lower factor', () => {
    const factor = Float64Array.of(2, 0, 0, 1, 3, 0, 3, 1, 3);
    const inverse = runSteps(invertLower(factor, 3));
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const product = [0, 1, 2].reduce((sum, k) => sum + (factor[3 * i + k] ?? 0) * (inverse[3 * k + j] ?? 0), 0);
        expect(product).toBeCloseTo(i === j ? 1 : 0, 14);
      }
    }
  });
});
