import { listHalfSteps } from '../../../engine/checkpoint/dtype.js';
import { decodeSteps } from './decode-blocks.js';
import { GGUF_TYPES, type GgufType } from './write-gguf.js';

/**
 * The most by which rounding to a type has changed each of these stored values.
 *
 * A value of a block is d q. It was within half a step of that before it was rounded, but for the step, which was itself
 * rounded to float16, by e at most, and so moved the value by |q| e. In Q4_0, q ends at 7, and stands for values up to 8
 * steps. Encoders divide in float32, which moves where q changes by 2^-16 of a step.
 *
 * @param bytes the stored values, whole blocks
 */
export function listMaxErrors(values: Float32Array, bytes: Uint8Array, type: GgufType): Float32Array {
  if (type !== 'Q8_0' && type !== 'Q4_0') return listHalfSteps(values, type);
  const { blockValues } = GGUF_TYPES[type];
  const errors = new Float32Array(values.length);
  const steps = decodeSteps(bytes, type);
  const stepErrors = listHalfSteps(steps, 'F16');
  for (const [block, signed] of steps.entries()) {
    const [d, e] = [Math.abs(signed), stepErrors[block] as number];
    const [from, to] = [block * blockValues, (block + 1) * blockValues];
    const half = (d + e) * (0.5 + 2 ** -16);
    if (d === 0)
      errors.fill(half + MOST_QUANT * e, from, to); // no value tells its q
    else
      for (let at = from; at < to; at += 1) {
        const value = values[at] as number;
        const isEnd = type === 'Q4_0' && value === 7 * signed;
        errors[at] = (isEnd ? 2 * half : half) + (Math.abs(value) * e) / d;
      }
  }
  return errors;
}

const MOST_QUANT = 127;
