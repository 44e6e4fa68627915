import type { TransposedProduct } from '../../core/ports/compensation.js';
import type { ScoredHalf } from '../../core/ports/criterion.js';
import { countFactorBytes, factoriseInPlace, type FactorTools, invertTransposed } from '../compensation/cholesky.js';
import { copyBlock, pasteBlock } from '../compensation/matrix-blocks.js';

/** The rows of an output map that have not been eliminated. */
export interface Elimination {
  readonly size: () => number;
  /** C, the inverse of the damped Gram matrix of the rows that are left; [size, size], symmetric. */
  readonly inverse: Float64Array;
  /** K = W W^T of their mended weights; [size, size], symmetric. */
  readonly products: Float64Array;
  /** C -= L^T L and K -= L^T Z + Z^T L, and those that are gone leave: `gone` is 1 for them. */
  remove(change: EliminationStep, gone: Uint8Array): Promise<void>;
}

/** L and Z, both [count, size]. */
export interface EliminationStep {
  readonly lower: Float64Array;
  readonly shift: Float64Array;
  readonly count: number;
}

/** Rows of a product that are computed at once. */
const STRIP_ROWS = 1024;

/** Bytes of the Gram matrix as read, of the two matrices, and of what is held beside them. */
export function countEliminationBytes(rows: number, hidden: number): number {
  return 20 * rows ** 2 + 8 * rows * hidden + countFactorBytes(rows) + 8 * rows * STRIP_ROWS;
}

/**
 * All rows of a half-block; overwrites its Gram matrix. Undefined if all inputs are 0, so that nothing costs anything.
 *
 * @param damping lambda, as a share of the mean of the diagonal
 */
export async function openElimination(half: ScoredHalf, damping: number): Promise<Elimination | undefined> {
  const { rows, hidden, weights, gram, multiplyTransposed, breathe } = half;
  let trace = 0;
  for (let row = 0; row < rows; row++) trace += gram[row * (rows + 1)] as number;
  if (trace === 0) return undefined;
  const lambda = (damping * trace) / rows;
  for (let row = 0; row < rows; row++) gram[row * (rows + 1)] = (gram[row * (rows + 1)] as number) + lambda;
  await invertInPlace(gram, rows, { multiplyTransposed, breathe });
  const transposed = new Float64Array(hidden * rows);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < hidden; column++)
      transposed[column * rows + row] = weights[row * hidden + column] as number;
  const products = await multiplyTransposed(transposed, transposed, { inner: hidden, rows, columns: rows });
  return keepRows({ inverse: gram, products, rows }, multiplyTransposed);
}

/**
 * Overwrites a symmetric positive definite matrix with its inverse, by way of its factor. Apart from the caller: what
 * this takes is free before more is held.
 */
async function invertInPlace(
  matrix: Float64Array,
  rows: number,
  { multiplyTransposed, breathe }: FactorTools,
): Promise<void> {
  const tools = (from: number): Parameters<typeof factoriseInPlace>[2] => ({
    multiplyTransposed,
    breathe: breathe && ((share) => breathe(from + share / 6)),
  });
  await factoriseInPlace(matrix, rows, tools(0));
  const root = await invertTransposed(matrix, rows, tools(1 / 6));
  for (let from = 0; from < rows; from += STRIP_ROWS) {
    const columns = Math.min(STRIP_ROWS, rows - from);
    // The rows of the root above a strip are 0 in it.
    const inner = rows - from;
    const strip = copyBlock(root, rows, { top: from, left: from, rows: inner, columns });
    const product = await multiplyTransposed(strip, root.subarray(from * rows), {
      inner,
      rows: columns,
      columns: rows,
    });
    pasteBlock(matrix, rows, { top: from, left: 0, columns: rows }, product);
    await breathe?.((2 + (from + columns) / rows) / 6);
  }
}

/** The elimination of some neighbouring rows, while all others stay; a copy. */
export function cutRows(
  { inverse, products, size }: Elimination,
  { from, rows }: { readonly from: number; readonly rows: number },
  multiplyTransposed: TransposedProduct,
): Elimination {
  const place = { top: from, left: from, rows, columns: rows };
  return keepRows(
    { inverse: copyBlock(inverse, size(), place), products: copyBlock(products, size(), place), rows },
    multiplyTransposed,
  );
}

function keepRows(
  {
    inverse,
    products,
    rows,
  }: { readonly inverse: Float64Array; readonly products: Float64Array; readonly rows: number },
  multiplyTransposed: TransposedProduct,
): Elimination {
  let size = rows;
  return {
    size: () => size,
    inverse,
    products,
    remove: async ({ lower, shift, count }, gone) => {
      const left = Array.from(gone.keys()).filter((row) => gone[row] === 0);
      const [keptLower, keptShift] = [pickColumns(lower, size, left), pickColumns(shift, size, left)];
      compact(inverse, size, left);
      compact(products, size, left);
      size = left.length;
      const both = concatenate(keptLower, keptShift);
      const swapped = concatenate(keptShift, keptLower);
      for (let top = 0; top < size; top += STRIP_ROWS) {
        const strip = { left: top, columns: Math.min(STRIP_ROWS, size - top) };
        const sizes = { rows: strip.columns, columns: size };
        const cut = (matrix: Float64Array, inner: number): Float64Array =>
          copyBlock(matrix, size, { top: 0, rows: inner, ...strip });
        const at = top * size;
        subtractAt(inverse, at, await multiplyTransposed(cut(keptLower, count), keptLower, { inner: count, ...sizes }));
        subtractAt(
          products,
          at,
          await multiplyTransposed(cut(both, 2 * count), swapped, { inner: 2 * count, ...sizes }),
        );
      }
    },
  };
}

/** Keeps some rows and columns, ascending, at the beginning of a square matrix. */
function compact(matrix: Float64Array, size: number, kept: readonly number[]): void {
  let to = 0;
  for (const row of kept) {
    const from = row * size;
    for (const column of kept) matrix[to++] = matrix[from + column] as number;
  }
}

function pickColumns(matrix: Float64Array, size: number, kept: readonly number[]): Float64Array {
  const rows = matrix.length / size;
  const picked = new Float64Array(rows * kept.length);
  let to = 0;
  for (let row = 0; row < rows; row++) for (const column of kept) picked[to++] = matrix[row * size + column] as number;
  return picked;
}

function concatenate(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function subtractAt(values: Float64Array, from: number, others: Float64Array): void {
  for (let at = 0; at < others.length; at++) values[from + at] = (values[from + at] as number) - (others[at] as number);
}
