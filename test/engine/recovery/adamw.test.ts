import { describe, expect, it } from 'vitest';
import { scaleToNorm, updateByAdamW } from '../../../src/engine/recovery/adamw.js';
import { learningRate } from '../../../src/engine/recovery/learning-rate.js';

const OPTIMISER = { firstDecay: 0.9, secondDecay: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };

describe('updateByAdamW', () => {
  it('makes two steps as worked out by hand', () => {
    const weights = Float32Array.of(2);
    const moments = { first: new Float32Array(1), second: new Float32Array(1) };
    // Step 1: m / 0.1 = g, v / 0.01 = g^2, so the weight decays by 0.1 * 0.1 of it and moves by the whole rate.
    updateByAdamW(weights, Float32Array.of(4), moments, { step: 1, rate: 0.1, scale: 0.5 }, OPTIMISER);
    expect(weights[0]).toBeCloseTo(2 * 0.99 - 0.1, 6);
    expect([moments.first[0], moments.second[0]]).toEqual([Math.fround(0.2), Math.fround(0.04)]);
    // Step 2, g = -2: m = 0.18 - 0.2 = -0.02, over 0.19; v = 0.0396 + 0.04 = 0.0796, over 0.0199 it is 4.
    updateByAdamW(weights, Float32Array.of(-2), moments, { step: 2, rate: 0.1, scale: 1 }, OPTIMISER);
    expect(weights[0]).toBeCloseTo(1.88 * 0.99 + (0.1 * (0.02 / 0.19)) / 2, 6);
  });
});

describe('scaleToNorm', () => {
  it('scales the norm of all matrices together down to the limit, and leaves smaller ones', () => {
    expect(scaleToNorm([Float32Array.of(3), Float32Array.of(0, 4)], 1)).toBeCloseTo(0.2, 12);
    expect(scaleToNorm([Float32Array.of(3), Float32Array.of(0, 4)], 6)).toBe(1);
  });
});

describe('learningRate', () => {
  it('rises in equal parts, then falls along half a cosine to its final share', () => {
    const rate = { peak: 1, warmUpSteps: 2, finalShare: 0.2 };
    const rates = [1, 2, 4, 6, 10].map((step) => learningRate(rate, step, 10));
    [0.5, 1, 0.6 + 0.4 * Math.SQRT1_2, 0.6, 0.2].forEach((expected, index) =>
      expect(rates[index]).toBeCloseTo(expected, 12),
    );
  });
});
