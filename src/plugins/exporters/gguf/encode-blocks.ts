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
  return encode(values, name, 'Q8_0', (block, quants) => {
    let most = 0;
    for (const x of block) most = Math.max(most, Math.abs(x));
    const step = Math.fround(most / 127);
    const inverse = step === 0 ? 0 : 1 / step;
    for (let i = 0; i < block.length; i += 1) {
      const scaled = (block[i] as number) * inverse;
      quants[i] = scaled < 0 ? -Math.round(-scaled) : Math.round(scaled);
    }
    return step;
  });
}

/**
 * Per block d = x / -8 of the x with the largest magnitude, as float16, then x / d + 8 rounded to 0 to 15: the first 16
 * values in the low halves of 16 bytes, the others in the high ones.
 */
function encodeQ4(values: Float32Array, name: string): Uint8Array {
  return encode(values, name, 'Q4_0', (block, quants) => {
    let most = 0;
    for (const x of block) if (Math.abs(x) > Math.abs(most)) most = x;
    const step = Math.fround(most / -8);
    const inverse = step === 0 ? 0 : 1 / step;
    const round = (x: number): number => Math.min(15, Math.floor(x * inverse + 8.5));
    for (let i = 0; i < quants.length; i += 1)
      quants[i] = round(block[i] as number) | (round(block[i + 16] as number) << 4);
    return step;
  });
}

/** Writes each block's step before its quants. */
function encode(
  values: Float32Array,
  name: string,
  type: BlockType,
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
  const large = steps.find((step) => Math.abs(step) >= DTYPE_LIMITS.F16);
  if (large !== undefined)
    throw new PrunecastError(
      'VALUES_OUT_OF_RANGE',
      `${name}: a block of values has the step ${large}, which ${type} cannot hold: write the output as bf16 or f32`,
      { metadata: { tensor: name, dtype: type, value: String(large) } },
    );
  const halves = encodeValues(steps, 'F16');
  for (let block = 0; block < blocks; block += 1)
    bytes.set(halves.subarray(2 * block, 2 * block + 2), block * blockBytes);
  return bytes;
}
