import type { Rng } from '../../src/core/random.js';

/* Values at the bounds of fields, and values that programs often handle badly. */

const NUMBERS = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  5e-324,
  1e-300,
  1e-12,
  1e-9,
  1e-8,
  1e-7,
  1e-6,
  1e-3,
  0.1,
  0.2,
  0.25,
  0.5,
  0.9,
  1 - 2 ** -53,
  1,
  1.5,
  2,
  7,
  100,
  1e4,
  2 ** 31,
  2 ** 53,
  1e18,
  1e30,
  3.5e38,
  1e300,
  1.797e308,
  -1e-9,
  -0.5,
  -1,
  -2,
  -1e9,
  -1.797e308,
];

const INTEGERS = [
  0,
  1,
  2,
  3,
  4,
  5,
  8,
  15,
  16,
  64,
  100,
  127,
  128,
  129,
  512,
  1000,
  4096,
  10_000,
  65_536,
  100_000,
  1_048_576,
  2 ** 31 - 1,
  -1,
  -2,
  -100,
  -(2 ** 31),
];

const LONGS = [2n ** 31n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 53n)];

const STRINGS = [
  '',
  ' ',
  '.',
  '..',
  '/',
  'a',
  '../..',
  '../../etc/passwd',
  '/etc/passwd',
  '/dev/zero',
  'a\0b',
  'a\nb',
  'layers.0.ffn_channels',
  'layers.4.kv_heads',
  'layers.-1.kv_heads',
  'perplexity',
  '__proto__',
  'constructor',
  'toString',
  'auto',
  'paper',
  'uniform-paper',
  'stories.json',
  'stories260k',
  '\u{1f9e0}',
  '\u202e',
  "'; --",
  '%s',
  '0',
  '-1',
  'NaN',
  'null',
];

const LENGTHS = [127, 128, 129, 220, 256, 4096, 6000, 100_000, 600_000];

/** One of the values. */
export function pick<Value>(rng: Rng, values: readonly Value[]): Value {
  return values[rng.integer(values.length)] as Value;
}

/** True in a share of the draws. */
export function happens(rng: Rng, share: number): boolean {
  return rng.uniform() < share;
}

export function drawNumber(rng: Rng): number {
  return happens(rng, 0.7) ? pick(rng, NUMBERS) : happens(rng, 0.5) ? rng.uniform() : pick(rng, INTEGERS);
}

/** An integer of 32 bits. */
export function drawInteger(rng: Rng): number {
  return happens(rng, 0.8) ? pick(rng, INTEGERS) : rng.integer(20);
}

/** An integer of 64 bits. */
export function drawLong(rng: Rng): bigint {
  return happens(rng, 0.3) ? pick(rng, LONGS) : BigInt(drawInteger(rng));
}

/** @param known texts that mean something to the server, such as ids */
export function drawString(rng: Rng, known: readonly string[]): string {
  if (known.length > 0 && happens(rng, 0.5)) return pick(rng, known);
  if (happens(rng, 0.2)) return pick(rng, ['x', 'a/', '../', 'é']).repeat(pick(rng, LENGTHS)).slice(0, 600_000);
  return pick(rng, STRINGS);
}

export function drawBytes(rng: Rng): Uint8Array {
  const length = pick(rng, [0, 1, 3, 4, 16, 40, 64, 4096, 400_000]);
  const values = new Float32Array(Math.ceil(length / 4)).map(() =>
    happens(rng, 0.2) ? drawNumber(rng) : rng.uniform(),
  );
  return new Uint8Array(values.buffer).slice(0, length);
}

/** A JSON value: a leaf, or a small tree. */
export function drawJson(rng: Rng, known: readonly string[], depth = 0): unknown {
  const kind = rng.integer(depth < 4 ? 8 : 5);
  switch (kind) {
    case 0:
      return null;
    case 1:
      return happens(rng, 0.5);
    case 2:
      return drawNumber(rng);
    case 3:
      return drawInteger(rng);
    case 4:
      return drawString(rng, known);
    case 5:
      return Array.from({ length: pick(rng, [0, 1, 2, 3, 40]) }, () => drawJson(rng, known, depth + 2));
    case 6:
      return nest(pick(rng, [3, 40, 120, 600]));
    default:
      return Object.fromEntries(
        Array.from({ length: 1 + rng.integer(4) }, () => [drawString(rng, known), drawJson(rng, known, depth + 2)]),
      );
  }
}

/** Lists nested `depth` deep. */
function nest(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}
