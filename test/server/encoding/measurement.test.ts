import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Measurement } from '../../../src/core/measurement.js';
import { measurementFingerprint } from '../../../src/server/encoding/measurement.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const PLAIN: Measurement = {
  textDigest: 't',
  tokenizerDigest: 'k',
  window: 128,
  stride: 64,
  bos: false,
  bosToken: undefined,
  scorer: 's',
  promptFormat: '',
};

/** As version 0.1 wrote it, which knew no token. */
const written = (bos: boolean) =>
  sha256(
    `{"bos":${bos},"promptFormat":"","scorer":"s","stride":64,"textDigest":"t","tokenizerDigest":"k","window":128}`,
  );

describe('measurementFingerprint', () => {
  it('is without BOS the one that labels of version 0.1 have', () => {
    expect(measurementFingerprint(PLAIN)).toBe(written(false));
  });

  it('distinguishes measurements with different BOS tokens, also from those of version 0.1, which may have had the token of another model', () => {
    const prints = [1, 5, 0].map((bosToken) => measurementFingerprint({ ...PLAIN, bos: true, bosToken }));
    expect(new Set([...prints, written(true)]).size).toBe(4);
  });
});
