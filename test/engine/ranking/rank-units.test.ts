import { describe, expect, it } from 'vitest';
import { rankUnits } from '../../../src/engine/ranking/rank-units.js';

const own = [{ kvHeads: 2, queryHeadsPerKv: 2, ffnChannels: 4 }];
const layer = (ffnChannels: readonly number[]) => [
  {
    ffnChannels: Float32Array.from(ffnChannels),
    queryHeads: Float32Array.of(1, 2, 4, 3),
    kvGroups: Float32Array.of(-1, 5),
  },
];

describe('rankUnits', () => {
  it('puts high scores first, heads within their own group, and the lower index first among equals', () => {
    expect(rankUnits(layer([1, 3, 3, Infinity]), own)).toEqual([
      {
        kvGroups: [1, 0],
        queryHeads: [
          [1, 0],
          [0, 1],
        ],
        ffnChannels: [3, 1, 2, 0],
      },
    ]);
    expect(rankUnits(layer([Infinity, 2, Infinity, -Infinity]), own)[0]?.ffnChannels).toEqual([0, 2, 1, 3]);
  });

  it('refuses a score that is not a number and names its unit', () => {
    expect(() => rankUnits(layer([1, 2, NaN, 4]), own)).toThrow(
      'layers.0.ffn_channels: the score of unit 2 is not a number',
    );
  });
});
