import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { DTYPE_LIMITS, encodeValues } from '../../../engine/checkpoint/dtype.js';
import { GGUF_TYPES } from './write-gguf.js';

type BlockType = 'Q8_0' | 'Q4_0';

/**
 * Quantises float32 values in blocks of 32; rows are whole blocks. Throws VALUES_OUT_OF_RANGE, which names the tensor,
 * for values whose step no float16 holds.
 */
export function encodeBlocks(values: Float32Array, type: BlockType, name: string): Uint8Array {
  return type === 'Q8_0' ? encodeQ8(values, name) : encodeQ4(values, name);
}

/** Per block d = max |x| / 127 as float16, then round(x / d) as signed bytes. */
function encodeQ8(values: Float32Array, name: string): Uint8Array {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  return encode(values, name, 'Q8_0', (from, quants, to) => {
    let largest = 0; // without their signs, floats are in the order of their bits
    for (let i = from; i < from + BLOCK; i += 1) largest = Math.max(largest, (bits[i] as number) & 0x7fffffff);
    const step = Math.fround(floatOf(largest) / 127);
    const inverse = step === 0 ? 0 : 1 / step;
    for (let i = 0; i < BLOCK; i += 1) {
      // Rounded with halves away from zero, as C's roundf; signs that are as good as random make a branch slow.
      const doubled = (2 * inverse * (values[from + i] as number)) | 0;
      quants[to + i] = ((doubled + ((doubled >> 31) | 1)) / 2) | 0;
    }
    return step;
  });
}

/**
 * Per block d = x / -8 of the x with the largest magnitude, as float16, then x / d + 8 rounded to 0 to 15: the first 16
 * values in the low halves of 16 bytes, the others in the high ones.
 */
function encodeQ4(values: Float32Array, name: string): Uint8Array {
  return encode(values, name, 'Q4_0', (from, quants, to) => {
    let most = 0;
    for (let i = from; i < from + BLOCK; i += 1) {
      const x = values[i] as number;
      if (Math.abs(x) > Math.abs(most)) most = x;
    }
    const step = Math.fround(most / -8);
    const inverse = step === 0 ? 0 : 1 / step;
    for (let i = 0; i < BLOCK / 2; i += 1) {
      const low = Math.min(15, Math.floor((values[from + i] as number) * inverse + 8.5));
      const high = Math.min(15, Math.floor((values[from + BLOCK / 2 + i] as number) * inverse + 8.5));
      quants[to + i] = low | (high << 4);
    }
    return step;
  });
}

const scratch = new DataView(new ArrayBuffer(4));

function floatOf(bits: number): number {
  scratch.setInt32(0, bits);
  return scratch.getFloat32(0);
}

/** Values of a block. */
const BLOCK = 32;

/** Writes each block's step before its quants. @param quantise the values from one place on to bytes from another on */
function encode(
  values: Float32Array,
  name: string,
  type: BlockType,
  quantise: (from: number, quants: Int8Array, to: number) => number,
): Uint8Array {
  const { blockBytes } = GGUF_TYPES[type];
  const blocks = values.length / BLOCK;
  const bytes = new Uint8Array(blocks * blockBytes);
  const quants = new Int8Array(bytes.buffer);
  const steps = new Float32Array(blocks);
  for (let block = 0; block < blocks; block += 1)
    steps[block] = quantise(block * BLOCK, quants, block * blockBytes + 2);
  const large = steps.find((step) => Math.abs(step) >= DTYPE_LIMITS.F16);
  if (large !== undefined)
    throw new PrunecastError(
      'VALUES_OUT_OF_RANGE',
      `${name}: a block of values has the step ${large}, which ${type} cannot hold: write the output as bf16 or f32`,
      { metadata: { tensor: name, dtype: type, value: String(large) } },
    );
  const halves = encodeValues(steps, 'F16');
  for (let block = 0; block < blocks; block += 1) {
    bytes[block * blockBytes] = halves[2 * block] as number;
    bytes[block * blockBytes + 1] = halves[2 * block + 1] as number;
  }
  return bytes;
}
