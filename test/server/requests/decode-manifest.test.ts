import { describe, expect, it } from 'vitest';
import { describeKeptUnits, parseManifest } from '../../../src/server/requests/decode-manifest.js';

const OWN = [{ kvHeads: 2, queryHeadsPerKv: 2, ffnChannels: 12 }];
const KEPT = [{ kvGroups: [1], queryHeads: [2, 3], ffnChannels: [0, 9, 11] }];

const parse = (units: object) => parseManifest({ kept_units: [units] }, 'manifest').keptUnits;

describe('the kept units of a prunecast.json', () => {
  it('are bitmaps with their counts, and are read back', () => {
    const [layer] = describeKeptUnits(KEPT, OWN);
    expect(layer).toEqual({
      kv_groups: { kept: 1, of: 2, bitmap: 'Ag==' },
      query_heads: { kept: 2, of: 4, bitmap: 'DA==' },
      ffn_channels: { kept: 3, of: 12, bitmap: 'AQo=' },
    });
    expect(parse(layer ?? {})).toEqual(KEPT);
  });

  it('of earlier versions are plain lists, and are still read', () => {
    expect(parse({ kv_groups: [1], query_heads: [2, 3], ffn_channels: [0, 9, 11] })).toEqual(KEPT);
  });

  it.each([
    ['a count that the bitmap does not have', { kept: 2, of: 12, bitmap: 'AQo=' }],
    ['a bitmap of another size', { kept: 3, of: 12, bitmap: 'AQoA' }],
    ['a unit beyond the last', { kept: 3, of: 11, bitmap: 'AQo=' }],
    ['no base64', { kept: 3, of: 12, bitmap: '***' }],
    ['neither form', 'all'],
    ['a negative unit', [-1]],
  ])('with %s are refused by their place', (_, ffn_channels) => {
    expect(() => parse({ kv_groups: [1], query_heads: [2, 3], ffn_channels })).toThrow(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        message: expect.stringContaining('manifest.kept_units.0.ffn_channels') as string,
      }),
    );
  });
});
