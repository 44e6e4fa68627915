import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Breathe, TransposedProduct } from '../../core/ports/compensation.js';
import { copyBlock, pasteBlock, subtractInPlace, transposeBlock } from './matrix-blocks.js';
import { factoriseBlock, invertLowerBlock } from './small-cholesky.js';

/*
 * Factorisations in float64, block of rows by block of rows: all but the diagonal blocks are matrix products, which run
 * ten to thirty times as fast as loops. Each breathes after every block of rows.
 */

/** What factorisations use. */
export interface FactorTools {
  readonly multiplyTransposed: TransposedProduct;
  readonly breathe?: Breathe | undefined;
}

/** Rows that are factorised at once: larger diagonal blocks take longer than the products that they save. */
const BLOCK_ROWS = 128;

/** Columns that are copied for one product. */
const STRIP_COLUMNS = 1024;

/** Bytes of copied blocks that a factorisation or an inverse holds beside its matrices. */
export function countFactorBytes(size: number): number {
  return 8 * size * (3 * BLOCK_ROWS + Math.min(size, STRIP_COLUMNS));
}

/**
 * The upper factor U of a symmetric positive definite matrix, G = U^T U (Cholesky). Overwrites the upper half of
 * `matrix`, [size, size] row-major; the lower half is not read, and what is left there means nothing. Throws
 * CALIBRATION_UNUSABLE if the matrix is not positive definite.
 */
export async function factoriseInPlace(
  matrix: Float64Array,
  size: number,
  { multiplyTransposed, breathe }: FactorTools,
): Promise<void> {
  for (const { from, to } of listRanges(0, size, BLOCK_ROWS)) {
    const rows = to - from;
    const above = copyBlock(matrix, size, { top: 0, left: from, rows: from, columns: rows });
    /** What the rows above leave of a block of these rows. */
    const leaveRest = async (left: number, columns: number): Promise<Float64Array> => {
      const rest = copyBlock(matrix, size, { top: from, left, rows, columns });
      if (from === 0) return rest;
      const right = copyBlock(matrix, size, { top: 0, left, rows: from, columns });
      return subtractInPlace(rest, await multiplyTransposed(above, right, { inner: from, rows, columns }));
    };
    const lower = transposeBlock(await leaveRest(from, rows), rows, rows);
    const failed = factoriseBlock(lower, rows);
    if (failed !== undefined) throw describeSingular(from + failed.pivot, size, failed.value);
    pasteBlock(matrix, size, { top: from, left: from, columns: rows }, transposeBlock(lower, rows, rows));
    const inverse = transposeBlock(invertLowerBlock(lower, rows), rows, rows);
    for (const strip of listRanges(to, size, STRIP_COLUMNS)) {
      const columns = strip.to - strip.from;
      const rest = await leaveRest(strip.from, columns);
      const solved = await multiplyTransposed(inverse, rest, { inner: rows, rows, columns });
      pasteBlock(matrix, size, { top: from, left: strip.from, columns }, solved);
    }
    const done = to / size;
    await breathe?.(done * done * (3 - 2 * done));
  }
}

function describeSingular(pivot: number, size: number, value: number): PrunecastError {
  return new PrunecastError(
    'CALIBRATION_UNUSABLE',
    `the least-squares fit has no solution for the inputs that the calibration found (pivot ${pivot} of ${size} is ${value}): raise damping, or give more calibration text`,
    {
      metadata: { pivot: String(pivot), size: String(size), value: String(value) },
    },
  );
}

/** U^-T of an upper factor U, a lower triangle, [size, size] row-major; zeros above. */
export async function invertTransposed(
  factor: Float64Array,
  size: number,
  { multiplyTransposed, breathe }: FactorTools,
): Promise<Float64Array> {
  const inverse = new Float64Array(size * size);
  for (const { from, to } of listRanges(0, size, BLOCK_ROWS)) {
    const rows = to - from;
    const own = invertDiagonal(factor, size, from, rows);
    pasteBlock(inverse, size, { top: from, left: from, columns: rows }, own);
    const negative = transposeBlock(own, rows, rows).map((value) => -value);
    const above = copyBlock(factor, size, { top: 0, left: from, rows: from, columns: rows });
    for (const strip of listRanges(0, from, STRIP_COLUMNS)) {
      const columns = strip.to - strip.from;
      // The rows of the inverse above a strip are 0 in it.
      const inner = from - strip.from;
      const left = copyBlock(inverse, size, { top: strip.from, left: strip.from, rows: inner, columns });
      const sum = await multiplyTransposed(above.subarray(strip.from * rows), left, { inner, rows, columns });
      const solved = await multiplyTransposed(negative, sum, { inner: rows, rows, columns });
      pasteBlock(inverse, size, { top: from, left: strip.from, columns }, solved);
    }
    await breathe?.((to / size) ** 3);
  }
  return inverse;
}

/**
 * The solution W of G W = R for a symmetric positive definite G, written over R. Overwrites the upper half of G with its
 * factor. `gram` [size, size] and `product` [size, columns], row-major. Throws CALIBRATION_UNUSABLE if G is not positive
 * definite.
 */
export async function solveInPlace(
  gram: Float64Array,
  product: Float64Array,
  size: number,
  { multiplyTransposed, breathe }: FactorTools,
): Promise<void> {
  const columns = product.length / size;
  // Operations: size^3 / 3 for the factor, 2 size^2 columns for the rest.
  const factorShare = size / (size + 6 * columns);
  await factoriseInPlace(gram, size, {
    multiplyTransposed,
    breathe: breathe && ((share) => breathe(share * factorShare)),
  });
  const breatheAt = async (done: number): Promise<void> => breathe?.(factorShare + (1 - factorShare) * done);
  const rowsOf = (from: number, to: number): Float64Array => product.subarray(from * columns, to * columns);
  const blocks = listRanges(0, size, BLOCK_ROWS);
  // U^T Y = R
  for (const { from, to } of blocks) {
    const rows = to - from;
    const own = rowsOf(from, to);
    if (from > 0) {
      const above = copyBlock(gram, size, { top: 0, left: from, rows: from, columns: rows });
      subtractInPlace(own, await multiplyTransposed(above, rowsOf(0, from), { inner: from, rows, columns }));
    }
    const inverse = transposeBlock(invertDiagonal(gram, size, from, rows), rows, rows);
    own.set(await multiplyTransposed(inverse, own, { inner: rows, rows, columns }));
    await breatheAt((to / size) ** 2 / 2);
  }
  // U W = Y
  for (const { from, to } of blocks.toReversed()) {
    const rows = to - from;
    const own = rowsOf(from, to);
    if (to < size) {
      const right = copyBlock(gram, size, { top: from, left: to, rows, columns: size - to });
      const sizes = { inner: size - to, rows, columns };
      subtractInPlace(own, await multiplyTransposed(transposeBlock(right, rows, size - to), rowsOf(to, size), sizes));
    }
    own.set(await multiplyTransposed(invertDiagonal(gram, size, from, rows), own, { inner: rows, rows, columns }));
    await breatheAt((1 + (1 - from / size) ** 2) / 2);
  }
}

/** The transposed inverse of a diagonal block of an upper factor. */
function invertDiagonal(factor: Float64Array, size: number, at: number, rows: number): Float64Array {
  const block = copyBlock(factor, size, { top: at, left: at, rows, columns: rows });
  return invertLowerBlock(transposeBlock(block, rows, rows), rows);
}

function listRanges(from: number, to: number, most: number): { readonly from: number; readonly to: number }[] {
  return Array.from({ length: Math.ceil((to - from) / most) }, (_, index) => ({
    from: from + index * most,
    to: Math.min(to, from + (index + 1) * most),
  }));
}
