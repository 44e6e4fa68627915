import type { TensorDtype } from './checkpoint.js';
import { DTYPE_BYTES } from './dtype.js';

/** The bits of the exponent: all set in NaN and the infinities, and in nothing else. */
const EXPONENT_BITS = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 } as const satisfies Record<TensorDtype, number>;

/** The place of the first value that is NaN or infinite, -1 where there is none. Takes about as long as to convert them. */
export function findNonFinite(bytes: Uint8Array, dtype: TensorDtype): number {
  const count = bytes.length / DTYPE_BYTES[dtype];
  const aligned = bytes.byteOffset % DTYPE_BYTES[dtype] === 0 ? bytes : bytes.slice();
  const bits =
    dtype === 'F32'
      ? new Uint32Array(aligned.buffer, aligned.byteOffset, count)
      : new Uint16Array(aligned.buffer, aligned.byteOffset, count);
  const exponent = EXPONENT_BITS[dtype];
  for (let place = 0; place < count; place += 1) if (((bits[place] as number) & exponent) === exponent) return place;
  return -1;
}
