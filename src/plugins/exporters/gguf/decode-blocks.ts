import { decodeInto } from '../../../engine/checkpoint/dtype.js';
import { GGUF_TYPES } from './write-gguf.js';

/**
 * The values of blocks of 32 (ggml's `block_q8_0` and `block_q4_0`): a step d as float16, then d q for the signed bytes
 * q, or d (q - 8) for the half bytes q, those of the first 16 values in the low halves.
 *
 * @param bytes the blocks of `target.length` values
 */
export function decodeBlocks(target: Float32Array, bytes: Uint8Array, type: 'Q8_0' | 'Q4_0'): void {
  const { blockValues, blockBytes } = GGUF_TYPES[type];
  const step = new Float32Array(1);
  for (let block = 0; block * blockValues < target.length; block += 1) {
    const start = block * blockBytes;
    const quants = bytes.subarray(start + 2, start + blockBytes);
    const values = target.subarray(block * blockValues, (block + 1) * blockValues);
    decodeInto(step, bytes.subarray(start, start + 2), 'F16');
    const [d = 0] = step;
    if (type === 'Q8_0') for (const [i, byte] of quants.entries()) values[i] = d * ((byte << 24) >> 24);
    else
      for (const [i, byte] of quants.entries()) {
        values[i] = d * ((byte & 15) - 8);
        values[i + 16] = d * ((byte >> 4) - 8);
      }
  }
}
