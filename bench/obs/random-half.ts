import type { TransposedProduct } from '../../src/core/ports/compensation.js';
import type { ScoredHalf } from '../../src/core/ports/criterion.js';
import { createRng } from '../../src/core/random.js';

/**
 * An output map with random weights, and inputs that a quarter as many causes explain for the most part, as channels of
 * a real model do for each other: cause k weighs (k + 1)^-1/2, channels differ in size, and a part of each is its own.
 */
export async function drawHalf(
  rows: number,
  hidden: number,
  multiplyTransposed: TransposedProduct,
): Promise<ScoredHalf> {
  const rng = createRng(rows);
  /** Mean 0, deviation 1. */
  const draw = (): number => Math.sqrt(12) * (rng.uniform() - 0.5);
  const sizes = Float64Array.from({ length: rows }, () => Math.exp(draw() / 2));
  const causes = Math.ceil(rows / 4);
  const mixed = new Float64Array(causes * rows);
  for (let at = 0; at < mixed.length; at++)
    mixed[at] = (draw() * (sizes[at % rows] as number)) / Math.sqrt(1 + Math.floor(at / rows));
  const gram = await multiplyTransposed(mixed, mixed, { inner: causes, rows, columns: rows });
  for (const [row, size] of sizes.entries())
    gram[row * (rows + 1)] = (gram[row * (rows + 1)] as number) + OWN_SHARE * size ** 2;
  const weights = Float32Array.from({ length: rows * hidden }, draw);
  return { weights, rows, hidden, gram, unitsTogether: rows, multiplyTransposed };
}

const OWN_SHARE = 0.5;
