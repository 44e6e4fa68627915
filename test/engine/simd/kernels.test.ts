import { describe, expect, it } from 'vitest';
import { createRng } from '../../../src/core/random.js';
import { decodeInto } from '../../../src/engine/checkpoint/dtype.js';
import {
  BLOCK_BYTES,
  convertBytes,
  hasNonFinite,
  prepareColumns,
  quantiseBlocks,
} from '../../../src/engine/simd/kernels.js';

/** More than the memory of the kernels takes at once, and no multiple of a vector. */
const MANY = 70_003;

const DTYPES = ['F32', 'F16', 'BF16'] as const;
const BYTES = { F32: 4, F16: 2, BF16: 2 } as const;

function randomFloats(count: number, seed: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: count }, () => (rng.uniform() - 0.5) * 10 ** (4 * rng.uniform() - 3));
}

const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

describe('convertBytes', () => {
  it.each([1, 7, 8, 9, 33, MANY])('converts %i values as it converts each alone, wherever they lie', (count) => {
    const floats = randomFloats(count, count);
    const alone = (index: number): number[] => {
      const target = new Uint8Array(2);
      convertBytes(bytesOf(floats.slice(index, index + 1)), 'F32', target, 'F16');
      return [...target];
    };
    const memory = new Uint8Array(2 * count + 4).fill(0xaa);
    const odd = new Uint8Array(4 * count + 3);
    odd.set(bytesOf(floats), 3);
    convertBytes(odd.subarray(3), 'F32', memory.subarray(1, 1 + 2 * count), 'F16');
    const places = count < 100 ? [...floats.keys()] : [0, 1, 32_767, 32_768, 65_535, 65_536, count - 1];
    for (const place of places) expect([...memory.subarray(1 + 2 * place, 3 + 2 * place)]).toEqual(alone(place));
    expect([memory[0], ...memory.subarray(1 + 2 * count)]).toEqual([0xaa, 0xaa, 0xaa, 0xaa]);
  });

  it('converts between the 16-bit types as by way of float32', () => {
    const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
    for (const [from, to] of [
      ['F16', 'BF16'],
      ['BF16', 'F16'],
    ] as const) {
      const [direct, floats, twice] = [new Uint8Array(0x20000), new Float32Array(0x10000), new Uint8Array(0x20000)];
      convertBytes(bytesOf(all), from, direct, to);
      decodeInto(floats, bytesOf(all), from);
      convertBytes(bytesOf(floats), 'F32', twice, to);
      expect(Buffer.from(direct).equals(twice)).toBe(true);
    }
  });
});

describe('hasNonFinite', () => {
  it.each(DTYPES)('finds one among %s, wherever it is, and none among finite ones', (dtype) => {
    const width = BYTES[dtype];
    for (const count of [1, 15, 31, 32, 33, MANY]) {
      const bytes = new Uint8Array(count * width);
      convertBytes(bytesOf(randomFloats(count, 1)), 'F32', bytes, dtype);
      bytes.set(Uint8Array.of(0xff, dtype === 'F16' ? 0x7b : 0x7f)); // large and finite
      if (width === 4) bytes.set(Uint8Array.of(0xff, 0xff, 0x7f, 0x7f));
      if (dtype === 'BF16') bytes.set(Uint8Array.of(0x7f, 0x7f));
      expect(hasNonFinite(bytes, dtype)).toBe(false);
      for (const place of new Set([0, count >> 1, count - 1]))
        for (const value of [NaN, Infinity, -Infinity]) {
          const one = bytes.slice();
          convertBytes(bytesOf(Float32Array.of(value)), 'F32', one.subarray(place * width, (place + 1) * width), dtype);
          expect(hasNonFinite(one, dtype)).toBe(true);
        }
    }
  });
});

describe('prepareColumns', () => {
  it.each([
    [2, 9],
    [2, 300_000],
    [4, 9],
    [4, 300_000],
  ] as const)('copies columns of %i bytes from rows of %i', (width, columns) => {
    const kept = Int32Array.from({ length: columns }, (_, column) => column).filter((column) => column % 3 !== 1);
    const row =
      width === 2
        ? Uint16Array.from({ length: columns }, (_, i) => 7 * i)
        : Uint32Array.from({ length: columns }, (_, i) => 0xfffffff0 - 7 * i);
    const copy = prepareColumns(columns, kept, width);
    const target = new Uint8Array(kept.length * width);
    for (const rounds of [1, 2]) {
      copy(bytesOf(row), target);
      const expected = row.filter((_, column) => column % 3 !== 1);
      expect(`${rounds} ${Buffer.from(target).equals(bytesOf(expected))}`).toBe(`${rounds} true`);
    }
  });
});

/** The definitions of ggml's quantize_row_q8_0_ref and quantize_row_q4_0_ref, with every step in float32. */
function quantise(values: Float32Array, type: 'Q8_0' | 'Q4_0'): { readonly step: number; readonly quants: number[] } {
  const f = Math.fround;
  let most = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(most)) most = value;
  const step = type === 'Q8_0' ? f(Math.abs(most) / 127) : f(most / -8);
  const inverse = step === 0 ? 0 : f(1 / step);
  const scaled = [...values].map((value) => f(value * inverse));
  if (type === 'Q8_0')
    return { step, quants: scaled.map((x) => (Math.sign(x) * Math.floor(Math.abs(x) + 0.5)) & 0xff) };
  const bits = scaled.map((x) => Math.min(15, Math.trunc(f(x + 8.5))));
  return { step, quants: Array.from({ length: 16 }, (_, i) => (bits[i] ?? 0) | ((bits[i + 16] ?? 0) << 4)) };
}

/** Three float32 for each half, in turn: the one below it, it, and the one above. */
function nearHalf(index: number): number {
  const bits = new Int32Array(Float32Array.of(Math.floor(index / 3) + 0.5).buffer);
  bits[0] = (bits[0] ?? 0) + (index % 3) - 1;
  return new Float32Array(bits.buffer)[0] ?? NaN;
}

describe('quantiseBlocks', () => {
  it.each(['Q8_0', 'Q4_0'] as const)('quantises to %s by its definition, block for block', (type) => {
    const values = randomFloats(32 * 1100, 5);
    values.fill(0, 0, 32);
    values.set([3, -3], 32); // the first of two with the largest magnitude counts
    values.set([-4, 4], 64);
    values.set([127, 2.5, -2.5, 0.5, -0.5, 0.49999997, -0.49999997], 96);
    values.fill(0, 103, 128);
    // The step is 1, and the halves from 0.5 to 123.5 have their neighbours.
    for (let block = 4; block < 16; block += 1) {
      values[32 * block] = 127;
      for (let i = 1; i < 32; i += 1) values[32 * block + i] = nearHalf((block - 4) * 31 + i - 1);
    }
    const bytes = new Uint8Array(1100 * BLOCK_BYTES[type]);
    const largest = quantiseBlocks(bytesOf(values), 'F32', bytes, type);
    let most = 0;
    for (let block = 0; block < 1100; block += 1) {
      const { step, quants } = quantise(values.subarray(32 * block, 32 * block + 32), type);
      const half = new Uint8Array(2);
      convertBytes(bytesOf(Float32Array.of(step)), 'F32', half, 'F16');
      const stored = bytes.subarray(block * BLOCK_BYTES[type], (block + 1) * BLOCK_BYTES[type]);
      expect([block, ...stored]).toEqual([block, ...half, ...quants]);
      most = Math.max(most, Math.abs(step));
    }
    expect(largest).toBe(most);
  });

  it.each(['F16', 'BF16'] as const)('quantises %s as their float32 values', (dtype) => {
    const halves = new Uint8Array(2 * 32 * 3000);
    convertBytes(bytesOf(randomFloats(32 * 3000, 6)), 'F32', halves, dtype);
    const floats = new Float32Array(32 * 3000);
    decodeInto(floats, halves, dtype);
    const [direct, twice] = [new Uint8Array(3000 * 34), new Uint8Array(3000 * 34)];
    expect(quantiseBlocks(halves, dtype, direct, 'Q8_0')).toBe(quantiseBlocks(bytesOf(floats), 'F32', twice, 'Q8_0'));
    expect(Buffer.from(direct).equals(twice)).toBe(true);
  });
});
