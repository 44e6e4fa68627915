/*
 * Loops over the numbers of weights, eight or more at a time. This file is AssemblyScript: `npm run generate` compiles it
 * to WebAssembly (../kernels-wasm.ts). Addresses are of the module's memory; a length that is no multiple of a vector is
 * rounded up by the caller, whose memory has room for it.
 */

const SIGN: i32 = 0x80000000;
const FLOAT_INFINITY: i32 = 0x7f800000;

/** What float32 and float16 add to an exponent, apart: (127 - 15) << 23. */
const EXPONENT_OFFSET: i32 = 0x38000000;

/**
 * Whether a value is NaN or infinite: all bits of its exponent are set, so that adding the lowest one carries. 32 bits at
 * a time, one value or two, 64 bytes a turn.
 */
export function hasNonFinite(from: usize, bytes: usize, exponents: i32, lowest: i32, carries: i32): bool {
  const mask = i32x4.splat(exponents);
  const one = i32x4.splat(lowest);
  let sums = i32x4.splat(0);
  for (const end = from + bytes; from < end; from += 64) {
    sums = v128.or(sums, i32x4.add(v128.and(v128.load(from), mask), one));
    sums = v128.or(sums, i32x4.add(v128.and(v128.load(from, 16), mask), one));
    sums = v128.or(sums, i32x4.add(v128.and(v128.load(from, 32), mask), one));
    sums = v128.or(sums, i32x4.add(v128.and(v128.load(from, 48), mask), one));
  }
  return v128.any_true(v128.and(sums, i32x4.splat(carries)));
}

/** The bits of four float32 as float16, rounded to nearest, ties to even; a NaN keeps the high bits of its payload. */
function halfOf(bits: v128): v128 {
  const sign = v128.and(bits, i32x4.splat(SIGN));
  const size = v128.xor(bits, sign);
  const odd = v128.and(i32x4.shr_u(size, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(size, i32x4.splat(0xfff - EXPONENT_OFFSET)), odd), 13);
  // Below 2^-14 a float16 has steps of 2^-24, as a float32 has between 0.5 and 1: the addition rounds.
  const half = i32x4.splat(reinterpret<i32>(<f32>0.5));
  const small = i32x4.sub(f32x4.add(size, half), half);
  const nan = v128.or(i32x4.splat(0x7e00), v128.and(i32x4.shr_u(size, 13), i32x4.splat(0x3ff)));
  let rounded = v128.bitselect(small, normal, i32x4.lt_s(size, i32x4.splat(0x38800000)));
  rounded = v128.bitselect(i32x4.splat(0x7c00), rounded, i32x4.ge_s(size, i32x4.splat(0x47800000)));
  rounded = v128.bitselect(nan, rounded, i32x4.gt_s(size, i32x4.splat(FLOAT_INFINITY)));
  return v128.or(rounded, i32x4.shr_u(sign, 16));
}

/** The bits of four float32 as bfloat16, rounded to nearest, ties to even; a NaN stays one. */
function bfloatOf(bits: v128): v128 {
  const odd = v128.and(i32x4.shr_u(bits, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(bits, i32x4.splat(0x7fff)), odd), 16);
  const nan = v128.or(i32x4.shr_u(bits, 16), i32x4.splat(0x40));
  const size = v128.and(bits, i32x4.splat(0x7fffffff));
  return v128.bitselect(nan, rounded, i32x4.gt_s(size, i32x4.splat(FLOAT_INFINITY)));
}

/** The bits of four float16, one in each 32 bits, as float32. */
function floatOfHalf(half: v128): v128 {
  const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
  const size = v128.and(half, i32x4.splat(0x7fff));
  const wide = i32x4.shl(size, 13);
  const normal = i32x4.add(wide, i32x4.splat(EXPONENT_OFFSET));
  const small = f32x4.mul(f32x4.convert_i32x4_u(size), f32x4.splat(5.9604644775390625e-8)); // 2^-24
  const endless = v128.or(wide, i32x4.splat(FLOAT_INFINITY));
  let bits = v128.bitselect(small, normal, i32x4.lt_s(size, i32x4.splat(0x400)));
  bits = v128.bitselect(endless, bits, i32x4.ge_s(size, i32x4.splat(0x7c00)));
  return v128.or(bits, sign);
}

/** Eight values at a time. */
export function halfToFloat(from: usize, to: usize, values: usize): void {
  for (const end = from + 2 * values; from < end; from += 16, to += 32) {
    const halves = v128.load(from);
    v128.store(to, floatOfHalf(i32x4.extend_low_i16x8_u(halves)));
    v128.store(to, floatOfHalf(i32x4.extend_high_i16x8_u(halves)), 16);
  }
}

/** Eight values at a time. */
export function bfloatToFloat(from: usize, to: usize, values: usize): void {
  for (const end = from + 2 * values; from < end; from += 16, to += 32) {
    const halves = v128.load(from);
    v128.store(to, i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16));
    v128.store(to, i32x4.shl(i32x4.extend_high_i16x8_u(halves), 16), 16);
  }
}

/** Eight values at a time. */
export function floatToHalf(from: usize, to: usize, values: usize): void {
  for (const end = from + 4 * values; from < end; from += 32, to += 16)
    v128.store(to, i16x8.narrow_i32x4_u(halfOf(v128.load(from)), halfOf(v128.load(from, 16))));
}

/** Eight values at a time. */
export function floatToBfloat(from: usize, to: usize, values: usize): void {
  for (const end = from + 4 * values; from < end; from += 32, to += 16)
    v128.store(to, i16x8.narrow_i32x4_u(bfloatOf(v128.load(from)), bfloatOf(v128.load(from, 16))));
}

/** Eight values at a time. Sizes from 2^-14 to below 2^16 need no rounding: most weights, nearly always all eight. */
export function bfloatToHalf(from: usize, to: usize, values: usize): void {
  for (const end = from + 2 * values; from < end; from += 16, to += 16) {
    const bits = v128.load(from);
    const sign = v128.and(bits, i16x8.splat(-0x8000));
    const size = v128.xor(bits, sign);
    const isNormal = i16x8.lt_u(i16x8.sub(size, i16x8.splat(0x3880)), i16x8.splat(0x4780 - 0x3880));
    if (i16x8.all_true(isNormal)) {
      v128.store(to, v128.or(sign, i16x8.shl(i16x8.sub(size, i16x8.splat(0x3800)), 3)));
    } else {
      const low = halfOf(i32x4.shl(i32x4.extend_low_i16x8_u(bits), 16));
      v128.store(to, i16x8.narrow_i32x4_u(low, halfOf(i32x4.shl(i32x4.extend_high_i16x8_u(bits), 16))));
    }
  }
}

/** Some columns of one row of 16-bit values, four at a time. */
export function gather16(from: usize, columns: usize, to: usize, count: usize): void {
  for (const end = columns + 4 * count; columns < end; columns += 16, to += 8) {
    const a = <u64>load<u16>(from + 2 * <usize>load<u32>(columns));
    const b = <u64>load<u16>(from + 2 * <usize>load<u32>(columns, 4));
    const c = <u64>load<u16>(from + 2 * <usize>load<u32>(columns, 8));
    const d = <u64>load<u16>(from + 2 * <usize>load<u32>(columns, 12));
    store<u64>(to, a | (b << 16) | (c << 32) | (d << 48));
  }
}

/** Some columns of one row of 32-bit values. */
export function gather32(from: usize, columns: usize, to: usize, count: usize): void {
  for (const end = columns + 4 * count; columns < end; columns += 4, to += 4)
    store<u32>(to, load<u32>(from + 4 * <usize>load<u32>(columns)));
}

/** The largest of four values, in each place. */
function largestOf(x: v128): v128 {
  const pairs = f32x4.pmax(x, i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.pmax(pairs, i8x16.shuffle(pairs, pairs, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
}

/** The largest magnitude of the 32 values of a block. */
function largestIn(block: usize): v128 {
  let most = f32x4.abs(v128.load(block));
  for (let at: usize = 16; at < 128; at += 16) most = f32x4.pmax(most, f32x4.abs(v128.load(block + at)));
  return largestOf(most);
}

/**
 * Four values times a scale, rounded to integers, halves away from zero: C's roundf. The largest float32 below 0.5 is
 * added and what is behind the point cut off: of a value just below a half, 0.5 itself could make the next integer.
 */
function nearest(from: usize, scale: v128): v128 {
  const x = f32x4.mul(v128.load(from), scale);
  const half = v128.or(v128.and(x, i32x4.splat(SIGN)), i32x4.splat(0x3effffff));
  return i32x4.trunc_sat_f32x4_s(f32x4.add(x, half));
}

/** The bits of a float32 as float16. */
function halfBits(value: f32): u16 {
  return <u16>i32x4.extract_lane(halfOf(f32x4.splat(value)), 0);
}

/**
 * Blocks of Q8_0 (ggml's quantize_row_q8_0_ref): the step d = max |x| / 127 as float16, then round(x / d) as signed bytes,
 * all in float32. Returns the largest step.
 */
export function quantiseQ8(from: usize, to: usize, blocks: usize): f32 {
  let largest: f32 = 0;
  for (; blocks > 0; blocks -= 1, from += 128, to += 34) {
    const step: f32 = f32x4.extract_lane(largestIn(from), 0) / 127;
    largest = max(largest, step);
    const scale = f32x4.splat(step == 0 ? 0 : <f32>1 / step);
    store<u16>(to, halfBits(step));
    for (let half: usize = 0; half < 2; half += 1) {
      const at = from + 64 * half;
      const low = i16x8.narrow_i32x4_s(nearest(at, scale), nearest(at + 16, scale));
      const high = i16x8.narrow_i32x4_s(nearest(at + 32, scale), nearest(at + 48, scale));
      v128.store(to + 2 + 16 * half, i8x16.narrow_i16x8_s(low, high));
    }
  }
  return largest;
}

/** The first of the 32 values of a block with a magnitude. */
function firstWith(block: usize, magnitude: v128): f32 {
  for (let at: usize = 0; at < 128; at += 16) {
    const found = i32x4.bitmask(f32x4.eq(f32x4.abs(v128.load(block + at)), magnitude));
    if (found != 0) return load<f32>(block + at + 4 * <usize>ctz(found));
  }
  return 0;
}

/** Four values times a scale, plus 8, rounded, 15 at most. */
function sixteenth(from: usize, scale: v128): v128 {
  const x = f32x4.add(f32x4.mul(v128.load(from), scale), f32x4.splat(8.5));
  return i32x4.min_s(i32x4.trunc_sat_f32x4_s(x), i32x4.splat(15));
}

/** The 16 values from a place on, as bytes. */
function sixteenths(from: usize, scale: v128): v128 {
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(sixteenth(from, scale), sixteenth(from + 16, scale)),
    i16x8.narrow_i32x4_s(sixteenth(from + 32, scale), sixteenth(from + 48, scale)),
  );
}

/**
 * Blocks of Q4_0 (ggml's quantize_row_q4_0_ref): the step d = x / -8 of the first x with the largest magnitude, as
 * float16, then x / d + 8 rounded to 0 to 15, all in float32: the first 16 values in the low halves of 16 bytes, the
 * others in the high ones. Returns the largest magnitude of a step.
 */
export function quantiseQ4(from: usize, to: usize, blocks: usize): f32 {
  let largest: f32 = 0;
  for (; blocks > 0; blocks -= 1, from += 128, to += 18) {
    const step: f32 = firstWith(from, largestIn(from)) / -8;
    largest = max(largest, abs(step));
    const scale = f32x4.splat(step == 0 ? 0 : <f32>1 / step);
    store<u16>(to, halfBits(step));
    const high = i16x8.shl(sixteenths(from + 64, scale), 4); // no value has bits that reach the next
    v128.store(to + 2, v128.or(sixteenths(from, scale), high));
  }
  return largest;
}
