import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBlocks } from '../../../../src/plugins/exporters/gguf/decode-blocks.js';
import { encodeBlocks } from '../../../../src/plugins/exporters/gguf/encode-blocks.js';
import { listMaxErrors } from '../../../../src/plugins/exporters/gguf/list-max-errors.js';
import { GGUF_TYPES } from '../../../../src/plugins/exporters/gguf/write-gguf.js';

const half = (bits: number): Buffer => Buffer.from(Uint16Array.of(bits).buffer);

function listErrors(bytes: Uint8Array, type: 'Q8_0' | 'Q4_0'): number[] {
  const values = new Float32Array(32);
  decodeBlocks(values, bytes, type);
  return [...listMaxErrors(values, bytes, type)];
}

describe('listMaxErrors', () => {
  it('is half a step of the block, and what rounding the step to float16 makes of each value', () => {
    const quants = Buffer.from(Array.from({ length: 32 }, (_, i) => 4 * (i - 16)));
    // A float16 of 1.5 is 2^-11 from what was rounded to it, at most.
    for (const [i, error] of listErrors(Buffer.concat([half(0x3e00), quants]), 'Q8_0').entries())
      expect(error).toBeCloseTo((1.5 + 2 ** -11) / 2 + Math.abs(4 * (i - 16)) * 2 ** -11, 4);
  });

  it('is a whole step where 4 bits end, on the side that ends early', () => {
    const nibbles = Buffer.from(Array.from({ length: 16 }, (_, i) => i | (8 << 4)));
    const errors = listErrors(Buffer.concat([half(0xbc00), nibbles]), 'Q4_0'); // a step of -1
    expect(errors[0]).toBeCloseTo((1 + 2 ** -11) / 2 + 8 * 2 ** -11, 4);
    expect(errors[14]).toBeCloseTo((1 + 2 ** -11) / 2 + 6 * 2 ** -11, 4);
    expect(errors[15]).toBeCloseTo(1 + 2 ** -11 + 7 * 2 ** -11, 4);
    expect(errors[16]).toBeCloseTo((1 + 2 ** -11) / 2, 4);
  });

  it.each(['Q8_0', 'Q4_0'] as const)('holds for all blocks, and none could be a tenth less: %s', (type) => {
    let most = 0;
    const values = fc.float32Array({ minLength: 32, maxLength: 32, min: -1, max: 1, noNaN: true });
    fc.assert(
      fc.property(values, fc.integer({ min: -24, max: 8 }), (shares, exponent) => {
        const block = shares.map((share) => share * 2 ** exponent);
        const bytes = new Uint8Array(GGUF_TYPES[type].blockBytes);
        encodeBlocks(new Uint8Array(block.buffer), 'F32', { target: bytes, type, name: 'w' });
        const stored = new Float32Array(32);
        decodeBlocks(stored, bytes, type);
        const errors = listMaxErrors(stored, bytes, type);
        for (const [place, value] of block.entries())
          most = Math.max(most, Math.abs((stored[place] as number) - value) / (errors[place] as number));
      }),
      { numRuns: 2000 },
    );
    expect(most).toBeGreaterThan(0.9);
    expect(most).toBeLessThanOrEqual(1);
  });
});
