import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInto, encodeValues, listHalfSteps } from '../../../src/engine/checkpoint/dtype.js';

/** IEEE 754 binary16 by its definition: sign, five bits of exponent with bias 15, ten of fraction. */
function valueOfHalf(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = Math.floor(bits / 1024) % 32;
  const fraction = bits % 1024;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16: the upper half of a binary32, eight bits of exponent with bias 127, seven of fraction. */
function valueOfBfloat(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = Math.floor(bits / 128) % 256;
  const fraction = bits % 128;
  if (exponent === 255) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -133 : sign * (1 + fraction / 128) * 2 ** (exponent - 127);
}

const ALL_BITS = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);

function decode(bits: Uint16Array, dtype: 'F16' | 'BF16'): Float32Array {
  const values = new Float32Array(bits.length);
  decodeInto(values, new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength), dtype);
  return values;
}

function encode(values: readonly number[], dtype: 'F16' | 'BF16'): number[] {
  return [...new Uint16Array(encodeValues(Float32Array.from(values), dtype).buffer)];
}

/**
 * The nearest value of a 16-bit dtype, found by searching all of them; of two equally near ones, the one whose last bit
 * is 0.
 */
function nearest(value: number, valueOf: (bits: number) => number): number {
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  let [low, high] = [0, 0x7fff];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (valueOf(middle) <= Math.abs(value)) low = middle;
    else high = middle; // also true for a NaN
  }
  // Values at or beyond half a step above the largest are infinite: infinity counts as one step more.
  const up = Number.isFinite(valueOf(high)) ? valueOf(high) : 2 * valueOf(low) - valueOf(low - 1);
  const toLow = Math.abs(value) - valueOf(low);
  const toHigh = up - Math.abs(value);
  return sign | (toLow < toHigh || (toLow === toHigh && low % 2 === 0) ? low : high);
}

describe('listHalfSteps', () => {
  it.each([
    ['F16', valueOfHalf],
    ['BF16', valueOfBfloat],
  ] as const)('is half of the way from each %s to the next one', (dtype, valueOf) => {
    const finite = ALL_BITS.filter((bits) => Number.isFinite(valueOf(bits & 0x7fff)));
    const steps = listHalfSteps(decode(finite, dtype), dtype);
    const wrong = [...finite].filter((bits, place) => {
      const magnitude = bits & 0x7fff;
      const next = valueOf(magnitude + 1);
      // The largest ones have no next one; their step is that of those below.
      const step = Number.isFinite(next) ? next - valueOf(magnitude) : valueOf(magnitude) - valueOf(magnitude - 1);
      return steps[place] !== Math.fround(step / 2);
    });
    expect(wrong).toEqual([]);
  });
});

describe('decodeInto', () => {
  it.each([
    ['F16', valueOfHalf],
    ['BF16', valueOfBfloat],
  ] as const)('returns the value of every one of the 65,536 %s by its definition', (dtype, valueOf) => {
    const values = decode(ALL_BITS, dtype);
    const wrong = [...ALL_BITS].filter((bits) => !Object.is(values[bits], valueOf(bits)));
    expect(wrong).toEqual([]);
  });

  it('reads values that start at an odd byte', () => {
    const target = new Float32Array(2);
    decodeInto(target, new Uint8Array([9, 0x00, 0x3c, 0x00, 0xc0]).subarray(1), 'F16'); // 1 and -2
    expect([...target]).toEqual([1, -2]);
  });
});

describe('encodeValues', () => {
  it.each(['F16', 'BF16'] as const)(
    'returns the bits of every %s that is not a NaN, and a NaN for every NaN',
    (dtype) => {
      const values = decode(ALL_BITS, dtype);
      const back = encode([...values], dtype);
      const again = decode(Uint16Array.from(back), dtype);
      expect(
        [...ALL_BITS].filter((bits) => (Number.isNaN(values[bits]) ? !Number.isNaN(again[bits]) : back[bits] !== bits)),
      ).toEqual([]);
    },
  );

  it.each([
    ['F16', valueOfHalf],
    ['BF16', valueOfBfloat],
  ] as const)('rounds to the nearest %s, ties to even, both across and below the normal range', (dtype, valueOf) => {
    const halfway = Array.from({ length: 0x7bff }, (_, bits) => (valueOf(bits) + valueOf(bits + 1)) / 2).filter(
      (value) => Math.fround(value) === value,
    );
    expect(halfway.length).toBeGreaterThan(30_000);
    expect(encode(halfway, dtype)).toEqual(halfway.map((value) => nearest(value, valueOf)));
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (values) => {
        expect(encode(values, dtype)).toEqual(values.map((value) => nearest(value, valueOf)));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, min: -(2 ** -10), max: 2 ** -10 }), { minLength: 1 }), (values) => {
        expect(encode(values, dtype)).toEqual(values.map((value) => nearest(value, valueOf)));
      }),
      { numRuns: 500 },
    );
  });

  it('turns what a float16 cannot hold into infinity, from half a step above the largest', () => {
    expect(encode([65_504, 65_519.996, 65_520, 1e30, -65_520], 'F16')).toEqual([
      0x7bff, 0x7bff, 0x7c00, 0x7c00, 0xfc00,
    ]);
  });

  it('copies float32 bit for bit', () => {
    const values = Float32Array.of(1, -0, 1e-45, Infinity);
    expect(new Float32Array(encodeValues(values, 'F32').buffer)).toEqual(values);
  });
});
