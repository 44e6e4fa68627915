import { decodeInto } from '../../../engine/checkpoint/dtype.js';
import type { BlockType } from '../../../engine/simd/kernels.js';
import { GGUF_TYPES } from './write-gguf.js';

/**
 * The values of blocks of 32 (ggml's `block_q8_0` and `block_q4_0`): a step d as float16, then d q for the signed bytes
 * q, or d (q - 8) for the half bytes q, those of the first 16 values in the low halves.
 *
 * @param bytes the blocks of `target.length` values
 */
export function decodeBlocks(target: Float32Array, bytes: Uint8Array, type: BlockType): void {
  const { blockValues, blockBytes } = GGUF_TYPES[type];
  for (const [block, d] of decodeSteps(bytes, type).entries()) {
    const [from, to] = [block * blockBytes + 2, block * blockValues];
    if (type === 'Q8_0')
      for (let i = 0; i < 32; i += 1) target[to + i] = d * (((bytes[from + i] as number) << 24) >> 24);
    else
      for (let i = 0; i < 16; i += 1) {
        const byte = bytes[from + i] as number;
        target[to + i] = d * ((byte & 15) - 8);
        target[to + 16 + i] = d * ((byte >> 4) - 8);
      }
  }
}

/** The step of each block. */
export function decodeSteps(bytes: Uint8Array, type: BlockType): Float32Array {
  const { blockBytes } = GGUF_TYPES[type];
  const steps = new Float32Array(bytes.length / blockBytes);
  const halves = new Uint8Array(2 * steps.length);
  for (let block = 0; block < steps.length; block += 1) {
    halves[2 * block] = bytes[block * blockBytes] as number;
    halves[2 * block + 1] = bytes[block * blockBytes + 1] as number;
  }
  decodeInto(steps, halves, 'F16');
  return steps;
}
