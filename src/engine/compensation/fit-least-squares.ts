import type { HalfBlock, PreparedCompensation, StreamMap } from '../../core/ports/compensation.js';
import { countFactorBytes, factoriseInPlace, invertTransposed, solveInPlace } from './cholesky.js';

export interface LeastSquaresOptions {
  /** Added to the diagonal of the Gram matrix, as a share of its mean. */
  readonly damping: number;
  /** `first`: a constant input comes before all others, undamped, and its weights become the bias. */
  readonly constant: 'none' | 'first';
}

/**
 * The kept weights of o and down that bring the half-block's output closest to the unpruned one, by least squares.
 *
 * With units in ranked order, X their inputs, W their weights, G = X^T X / tokens + lambda I = L L^T and lambda =
 * damping * mean diag(X^T X) / tokens, the best weights of the first k units, with the damping on the right-hand side
 * too, are (L^-T)[:k,:k] (L^T W)[:k]. The factor of a leading block is the leading block of the factor, so one
 * factorisation serves every width. The error of width k, damping included, is the sum of squares of (L^T W)[k:]. A
 * constant input takes the first row and column: k + 1 rows are kept, and the error starts one row later.
 *
 * Throws RangeError if the statistics are missing.
 */
export async function fitLeastSquares(
  half: HalfBlock,
  { damping, constant }: LeastSquaresOptions,
): Promise<PreparedCompensation> {
  const { hidden, multiplyTransposed } = half;
  const extra = constant === 'first' ? 1 : 0;
  const rows = half.rows + extra;
  const gram = dampedGram(half, damping, constant);
  const { breathe } = half;
  // The inverse takes as many operations as the factor.
  await factoriseInPlace(gram, rows, { multiplyTransposed, breathe: breathe && ((share) => breathe(share / 2)) });
  const inverse = Float32Array.from(
    await invertTransposed(gram, rows, {
      multiplyTransposed,
      breathe: breathe && ((share) => breathe((1 + share) / 2)),
    }),
  ); // L^-1
  const weights = new Float32Array(rows * hidden);
  weights.set(half.weights, extra * hidden);
  // V = L^T W
  const target = await multiplyTransposed(lowerOf(gram, rows), weights, { inner: rows, rows, columns: hidden });
  const errors = sumTails(target, hidden);
  return {
    heldBytes: inverse.byteLength + target.byteLength + errors.byteLength,
    compensate: async (width) => {
      const kept = width + extra;
      const fitted =
        kept === 0
          ? new Float32Array()
          : await multiplyTransposed(leadingBlock(inverse, rows, kept), target.subarray(0, kept * hidden), {
              inner: kept,
              rows: kept,
              columns: hidden,
            });
      return constant === 'none'
        ? { weights: fitted }
        : { weights: fitted.slice(hidden), bias: fitted.slice(0, hidden) };
    },
    error: (width) => errors[width + extra] as number,
  };
}

/**
 * Bytes that a fit holds at once: the Gram matrix as read, sorted and bordered, its factor, and the inverse of the
 * factor.
 */
export function countFitBytes(
  rows: number,
  hidden: number,
  { constant }: Pick<LeastSquaresOptions, 'constant'>,
): number {
  const size = rows + (constant === 'first' ? 1 : 0);
  return 24 * rows ** 2 + (constant === 'first' ? 8 * size ** 2 : 0) + 8 * size * hidden + countFactorBytes(size);
}

/** The sum of squares of rows k and later, for each k from 0 to the number of rows. */
function sumTails(values: Float32Array, columns: number): Float64Array {
  const rows = values.length / columns;
  const sums = new Float64Array(rows + 1);
  for (let row = rows - 1; row >= 0; row--) {
    let sum = sums[row + 1] as number;
    for (let at = row * columns; at < (row + 1) * columns; at++) sum += (values[at] as number) ** 2;
    sums[row] = sum;
  }
  return sums;
}

function dampedGram({ rows, gram, mean }: HalfBlock, damping: number, constant: 'none' | 'first'): Float64Array {
  if (gram === undefined) throw new RangeError('least squares need the Gram matrices of the calibration');
  let trace = 0;
  for (let row = 0; row < rows; row++) trace += gram[row * rows + row] as number;
  const lambda = Math.max((damping * trace) / rows, LEAST_LAMBDA);
  for (let row = 0; row < rows; row++) gram[row * rows + row] = (gram[row * rows + row] as number) + lambda;
  if (constant === 'none') return gram;
  if (mean === undefined) throw new RangeError('a constant input needs the means of the calibration');
  const size = rows + 1;
  const bordered = new Float64Array(size * size);
  bordered[0] = 1;
  bordered.set(mean, 1);
  for (let row = 0; row < rows; row++) bordered.set(gram.subarray(row * rows, (row + 1) * rows), (row + 1) * size + 1);
  return bordered; // the factorisation reads only the upper half
}

/**
 * If all inputs are 0, the weights stay as they are: so it is not 0. The factor has its root, and the inverse of the
 * factor one over that; both must be numbers in float32.
 */
const LEAST_LAMBDA = 1e-30;

/** The transposed upper half with its diagonal, zeros above, in float32. */
function lowerOf(factor: Float64Array, size: number): Float32Array {
  const lower = new Float32Array(size * size);
  for (let row = 0; row < size; row++)
    for (let column = row; column < size; column++) lower[column * size + row] = factor[row * size + column] as number;
  return lower;
}

/** The first `width` rows and columns of a square matrix. */
function leadingBlock(matrix: Float32Array, size: number, width: number): Float32Array {
  const block = new Float32Array(width * width);
  for (let row = 0; row < width; row++) block.set(matrix.subarray(row * size, row * size + width), row * width);
  return block;
}

/**
 * The weights that bring the outputs in the pruned model closest to what they should be: W' = (X^T X / tokens + lambda
 * I)^-1 (X^T T / tokens + lambda W), lambda = damping * mean diag(X^T X) / tokens, where X are the inputs that the
 * pruned and compensated layers before give, and T is what X W should be. [rows, columns].
 */
export async function fitStream(
  { weights, rows, gram, product, multiplyTransposed, breathe }: StreamMap,
  damping: number,
): Promise<Float32Array> {
  let trace = 0;
  for (let row = 0; row < rows; row++) trace += gram[row * rows + row] as number;
  const lambda = Math.max((damping * trace) / rows, LEAST_LAMBDA);
  for (let row = 0; row < rows; row++) gram[row * rows + row] = (gram[row * rows + row] as number) + lambda;
  for (let at = 0; at < product.length; at++) product[at] = (product[at] as number) + lambda * (weights[at] as number);
  await solveInPlace(gram, product, rows, { multiplyTransposed, breathe });
  return Float32Array.from(product);
}
