import type { TensorDtype } from './checkpoint.js';

/** Bytes of one value. */
export const DTYPE_BYTES = { F32: 4, F16: 2, BF16: 2 } as const satisfies Record<TensorDtype, number>;

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
  const aligned = source.byteOffset % DTYPE_BYTES[dtype] === 0 ? source : source.slice();
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  if (dtype === 'F32') {
    bits.set(new Uint32Array(aligned.buffer, aligned.byteOffset, target.length));
    return;
  }
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, target.length);
  if (dtype === 'BF16') {
    for (let i = 0; i < halves.length; i += 1) bits[i] = (halves[i] as number) << 16;
    return;
  }
  const floats = listHalves();
  for (let i = 0; i < halves.length; i += 1) bits[i] = floats[halves[i] as number] as number;
}

/**
 * Converts float32 values to a dtype's little-endian bytes, rounding to nearest, ties to even. Values that are too
 * large become infinite.
 */
export function encodeValues(values: Float32Array, dtype: TensorDtype): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  if (dtype === 'F32') return new Uint8Array(bits.slice().buffer);
  const halves = new Uint16Array(bits.length);
  if (dtype === 'BF16') for (let i = 0; i < bits.length; i += 1) halves[i] = roundToBfloat(bits[i] as number);
  else for (let i = 0; i < bits.length; i += 1) halves[i] = roundToHalf(bits[i] as number);
  return new Uint8Array(halves.buffer);
}

const halfTables = new Map<string, Uint16Array>();

/** The bits in one dtype of two bytes of every value of the other, indexed by its bits there. Made on first use. */
export function listHalvesOf(from: 'F16' | 'BF16', to: 'F16' | 'BF16'): Uint16Array {
  const key = `${from} ${to}`;
  const known = halfTables.get(key);
  if (known !== undefined) return known;
  const values = new Float32Array(0x10000);
  decodeInto(values, new Uint8Array(Uint16Array.from(values, (_, bits) => bits).buffer), from);
  const table = new Uint16Array(encodeValues(values, to).buffer as ArrayBuffer);
  halfTables.set(key, table);
  return table;
}

let halfToFloatBits: Uint32Array | undefined;

/**
 * The float32 bits of every float16, indexed by its bits: a lookup is several times as fast as the arithmetic. Made on
 * first use.
 */
function listHalves(): Uint32Array {
  halfToFloatBits ??= Uint32Array.from({ length: 0x10000 }, (_, half) => {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
    if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
    return sign | bitsOf(fraction * 2 ** -24);
  });
  return halfToFloatBits;
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}

function roundToBfloat(bits: number): number {
  // Stays a NaN when its low payload bits are cut off.
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function roundToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and above
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below 2^-14 a float16 has steps of 2^-24.
  const exponent = magnitude >>> 23;
  const shift = 126 - exponent; // 14 bits and above
  if (shift > 24) return sign;
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}
