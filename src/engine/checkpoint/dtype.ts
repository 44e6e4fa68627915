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
