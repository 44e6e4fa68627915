import { describe, expect, it } from 'vitest';
import { Calibration, Text } from '../../../src/gen/prunecast/v1/common.js';
import { decodeCalibration } from '../../../src/server/requests/decode-recipe.js';

const text = Text.fromPartial({ source: { $case: 'path', value: 'a.txt' } });
const count = (asked: Parameters<typeof Calibration.fromPartial>[0], textTokens?: number) =>
  decodeCalibration(Calibration.fromPartial(asked), { maxPositions: 512 }, 'recovery.text', {
    text,
    sequences: 2048,
    ...(textTokens === undefined ? {} : { textTokens }),
  })?.textTokens;

describe('the tokens that are read of a text for many sequences by default', () => {
  it('are those of the sequences, and of two that are not taken', () => {
    expect(count({})).toBe((2048 + 2) * 128);
    expect(count({ sequences: 50, sequenceTokens: 64 })).toBe((50 + 2) * 64);
  });

  it('are those of a study that shares it, whose parts would move in a longer text, unless sequences are asked for', () => {
    expect(count({}, 100_000)).toBe(100_000);
    expect(count({ sequences: 1000 }, 100_000)).toBe((1000 + 2) * 128);
  });
});
