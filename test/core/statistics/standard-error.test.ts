import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { standardError } from '../../../src/core/statistics/standard-error.js';

const ones = (length: number) => Array.from({ length }, () => 1);

describe('standardError', () => {
  it('is that of a share: sqrt(p (1 - p) / (n - 1))', () => {
    const correct = Array.from({ length: 100 }, (_, index) => (index < 46 ? 1 : 0));
    expect(standardError(correct, ones(100))).toBeCloseTo(Math.sqrt((0.46 * 0.54) / 99), 12);
  });

  it('weighs items that count differently, as the residuals from the common ratio', () => {
    // R = 6 / 4 = 1.5; residuals 2 - 1.5 and 4 - 4.5; sqrt(2 * 0.5) / 4
    expect(standardError([2, 4], [1, 3])).toBeCloseTo(Math.sqrt(2 * (0.25 + 0.25)) / 4, 12);
  });

  it('leaves out items that do not count: a category has the error of its own questions', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 20 }), (values) => {
        const inside = standardError(values, ones(values.length)) ?? NaN;
        expect(standardError([0, ...values, 0], [0, ...ones(values.length), 0])).toBe(inside);
      }),
    );
  });

  it('is not known of a single item', () => {
    expect(standardError([1], [1])).toBeUndefined();
    expect(standardError([1, 0], [1, 0])).toBeUndefined();
  });
});
