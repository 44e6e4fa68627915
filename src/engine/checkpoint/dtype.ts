import { convertBytes, FLOAT_BYTES } from '../simd/kernels.js';
import type { TensorDtype } from './checkpoint.js';

/** Bytes of one value. */
export const DTYPE_BYTES = FLOAT_BYTES satisfies Record<TensorDtype, number>;

/** The most that rounding to it changes a value, as a share of that value: half a step of its significand. */
export const DTYPE_ROUNDING = { F32: 2 ** -24, F16: 2 ** -11, BF16: 2 ** -8 } as const satisfies Record<
  TensorDtype,
  number
>;

/** Values of this magnitude and above become infinite: half a step above the largest value. */
export const DTYPE_LIMITS = { F32: Infinity, F16: 65_520, BF16: 2 ** 128 - 2 ** 119 } as const satisfies Record<
  TensorDtype,
  number
>;

/** Bits of a significand, and the exponent of the smallest number that has all of them. */
const DTYPE_PRECISION = {
  F32: { bits: 24, leastExponent: -126 },
  F16: { bits: 11, leastExponent: -14 },
  BF16: { bits: 8, leastExponent: -126 },
} as const satisfies Record<TensorDtype, object>;

/** The most by which rounding to a dtype can have changed a value that is now one of these: half a step there. */
export function listHalfSteps(values: Float32Array, dtype: TensorDtype): Float32Array {
  const { bits: precision, leastExponent } = DTYPE_PRECISION[dtype];
  const [least, share] = [2 ** leastExponent, 2 ** -precision];
  // Without sign and significand, a float is the power of two at or below it.
  const powers = new Float32Array(
    new Uint32Array(values.buffer, values.byteOffset, values.length).map((bits) => bits & 0x7f800000).buffer,
  );
  return powers.map((power) => Math.max(power, least) * share);
}

/**
 * Converts little-endian values to float32 in `target`. All conversions are exact; NaNs keep their payload.
 *
 * @param source the bytes of `target.length` values
 */
export function decodeInto(target: Float32Array, source: Uint8Array, dtype: TensorDtype): void {
  convertBytes(
    source.subarray(0, target.length * DTYPE_BYTES[dtype]),
    dtype,
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength),
    'F32',
  );
}

/**
 * Converts float32 values to a dtype's little-endian bytes, rounding to nearest, ties to even. Values that are too
 * large become infinite.
 */
export function encodeValues(values: Float32Array, dtype: TensorDtype): Uint8Array {
  const bytes = new Uint8Array(values.length * DTYPE_BYTES[dtype]);
  convertBytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 'F32', bytes, dtype);
  return bytes;
}
