import { encodeValues } from '../../../engine/checkpoint/dtype.js';
import { GGUF_TYPES, type GgufType } from './write-gguf.js';

/** Converts float32 values to the bytes of a type; those of blocks of 32 values start at multiples of 32. */
export function encodeBlocks(values: Float32Array, type: GgufType): Uint8Array {
  if (type === 'Q8_0') return encodeQ8(values);
  return type === 'Q4_0' ? encodeQ4(values) : encodeValues(values, type);
}

/** Per block d = max |x| / 127 as float16, then round(x / d) as signed bytes. */
function encodeQ8(values: Float32Array): Uint8Array {
  return encode(values, 'Q8_0', (block, quants) => {
    const step = Math.fround(block.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127);
    const inverse = step === 0 ? 0 : 1 / step;
    for (const [i, x] of block.entries()) quants[i] = Math.sign(x) * Math.round(Math.abs(x) * inverse);
    return step;
  });
}

/**
 * Per block d = x / -8 of the x with the largest magnitude, as float16, then x / d + 8 rounded to 0 to 15: the first 16
 * values in the low halves of 16 bytes, the others in the high ones.
 */
function encodeQ4(values: Float32Array): Uint8Array {
  return encode(values, 'Q4_0', (block, quants) => {
    const step = Math.fround(block.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0) / -8);
    const inverse = step === 0 ? 0 : 1 / step;
    const round = (x: number): number => Math.min(15, Math.floor(x * inverse + 8.5));
    for (const i of quants.keys()) quants[i] = round(block[i] as number) | (round(block[i + 16] as number) << 4);
    return step;
  });
}

/** Writes each block's step before its quants. */
function encode(
  values: Float32Array,
  type: 'Q8_0' | 'Q4_0',
  quantise: (block: Float32Array, quants: Uint8Array) => number,
): Uint8Array {
  const { blockValues, blockBytes } = GGUF_TYPES[type];
  const blocks = values.length / blockValues;
  const bytes = new Uint8Array(blocks * blockBytes);
  const steps = new Float32Array(blocks);
  for (let block = 0; block < blocks; block += 1) {
    const start = block * blockBytes;
    steps[block] = quantise(
      values.subarray(block * blockValues, (block + 1) * blockValues),
      bytes.subarray(start + 2, start + blockBytes),
    );
  }
  const halves = encodeValues(steps, 'F16');
  for (let block = 0; block < blocks; block += 1)
    bytes.set(halves.subarray(2 * block, 2 * block + 2), block * blockBytes);
  return bytes;
}
