/** A source of random numbers that its seed fixes. */
export interface Rng {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform over the integers 0 to below - 1. */
  integer(below: number): number;
  /** A shuffled copy. */
  shuffle<T>(values: readonly T[]): T[];
  /** An independent generator that the seed and the label alone fix, however many numbers were drawn before. */
  fork(label: string): Rng;
}

/**
 * A seeded generator: xoshiro128** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators",
 * arXiv 1805.01407), its state filled by SplitMix32. The same seed gives the same numbers on every machine.
 *
 * @param seed an integer; its low 53 bits count
 */
export function createRng(seed: number): Rng {
  const state = fillState(seed);
  const next = (): number => {
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    const c2 = c ^ a;
    const d2 = d ^ b;
    state[1] = b ^ c2;
    state[0] = a ^ d2;
    state[2] = c2 ^ shifted;
    state[3] = rotateLeft(d2, 11);
    return result;
  };
  const uniform = (): number => ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000;
  return {
    uniform,
    integer: (below) => Math.floor(uniform() * below),
    shuffle: (values) => {
      const shuffled = [...values];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = Math.floor(uniform() * (i + 1));
        [shuffled[i], shuffled[j]] = [
          shuffled[j] as (typeof shuffled)[number],
          shuffled[i] as (typeof shuffled)[number],
        ];
      }
      return shuffled;
    },
    fork: (label) => createRng(mixLabel(seed, label)),
  };
}

function fillState(seed: number): Int32Array {
  let x = (seed ^ Math.floor(seed / 0x100000000)) | 0;
  return Int32Array.from({ length: 4 }, () => {
    x = (x + 0x9e3779b9) | 0;
    let z = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  });
}

/** FNV-1a over the label, started from the seed. */
function mixLabel(seed: number, label: string): number {
  let hash = (seed ^ Math.floor(seed / 0x100000000) ^ 0x811c9dc5) | 0;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
