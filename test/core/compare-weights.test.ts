import { describe, expect, it } from 'vitest';
import { compareWeights } from '../../src/core/compare-weights.js';

const stored = { values: Float32Array.of(1, -2, 0.5, 4), maxErrors: Float32Array.of(0.5, 0.25, 0, 0.5) };

describe('compareWeights', () => {
  it('finds nothing where each value is as near as its rounding leaves it', () => {
    expect(compareWeights(stored, Float32Array.of(1.5, -2.25, 0.5, 3.5), { width: 2, leeway: 0 })).toBeUndefined();
  });

  it('counts the others, and tells of the first', () => {
    expect(compareWeights(stored, Float32Array.of(1, -2.5, 0.5, NaN), { width: 2, leeway: 0 })).toEqual({
      count: 2,
      first: { index: 1, stored: -2, expected: -2.5 },
    });
  });

  it('allows for a share of the largest of the own row alone', () => {
    const expected = Float32Array.of(1, -2.5, 0.75, 4); // 0.25 and 0.25 too far; rows end at 2.5 and at 4
    expect(compareWeights(stored, expected, { width: 2, leeway: 0.0625 })).toMatchObject({
      count: 1,
      first: { index: 1 },
    });
    expect(compareWeights(stored, expected, { width: 2, leeway: 0.1 })).toBeUndefined();
  });
});
