import { describe, expect, it } from 'vitest';
import { decodeStoredModel, encodeStoredModel, type StoredModel } from '../../../src/server/predictors/stored-model.js';

const STORED: StoredModel = {
  models: [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(255)],
  tables: [{ dimension: 'layers.0.ffn_channels', errors: Float32Array.of(1, 0.1, 0) }],
};

describe('decodeStoredModel', () => {
  it('gives back every byte and table', () => {
    expect(decodeStoredModel(encodeStoredModel(STORED))).toEqual(STORED);
  });

  it('refuses bytes that end early', () => {
    expect(() => decodeStoredModel(encodeStoredModel(STORED).subarray(0, -1))).toThrow('stored model ends');
  });
});
