import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import magnitude from '../../../src/plugins/criteria/magnitude.js';

const scoreUnits = async (units: readonly (readonly (readonly number[])[])[], options: { norm: 'l1' | 'l2' }) =>
  magnitude.score(
    {
      layer: 0,
      kind: 'ffn_channel',
      rng: createRng(0),
      units: units.map((rows) => ({ weights: rows.map((row) => Float32Array.from(row)), columns: [] })),
    },
    { ...options, scope: 'layer' },
  );

describe('magnitude', () => {
  it('scores a unit by the norm of all its weights together, not by the sum of its row norms', async () => {
    const channel = [
      [3, -4],
      [0, 0],
      [12, 0],
    ]; // rows of gate and up, column of down; row norms add up to 17
    expect(await scoreUnits([channel], { norm: 'l2' })).toEqual(Float32Array.of(13)); // sqrt(9 + 16 + 144)
    expect(await scoreUnits([channel], { norm: 'l1' })).toEqual(Float32Array.of(19)); // 3 + 4 + 12
  });

  it('never scores a unit higher by l2 than by l1', async () => {
    await fc.assert(
      fc.asyncProperty(fc.float32Array({ minLength: 1, min: -100, max: 100, noNaN: true }), async (row) => {
        const [l1 = NaN] = await scoreUnits([[[...row]]], { norm: 'l1' });
        const [l2 = NaN] = await scoreUnits([[[...row]]], { norm: 'l2' });
        expect(l2).toBeLessThanOrEqual(l1); // a missing score is NaN and fails
      }),
    );
  });
});
