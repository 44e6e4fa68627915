import type { ScoredHalf } from '../../core/ports/criterion.js';
import { factoriseInPlace, invertTransposed } from '../compensation/cholesky.js';
import { copyBlock, transposeBlock } from '../compensation/matrix-blocks.js';
import { cutRows, openElimination, type Elimination } from './elimination.js';

/**
 * How much the error of a half-block has risen when each unit has gone, if always that unit goes next whose loss costs
 * least after least squares have mended the rest. The last unit's is the error of losing all.
 *
 * Backward elimination by the inverse of the damped Gram matrix ("SlimGPT: Layer-wise Structured Pruning for Large
 * Language Models", arXiv 2412.18110; "ZipLM: Inference-Aware Structured Pruning of Language Models", arXiv
 * 2302.04089). With H = X^T X / tokens + lambda I, C = H^-1 and the mended weights W, the unit with the rows J costs
 * tr(W_J^T C_JJ^-1 W_J), which is ||W_j||^2 / C_jj for a single row. Afterwards W -= C_:J C_JJ^-1 W_J and C -= C_:J
 * C_JJ^-1 C_J:. Of W only K = W W^T is needed, which changes likewise.
 *
 * @param units number of units; each has equally many rows, and the units follow each other
 */
export async function eliminateUnits(half: ScoredHalf, units: number, damping: number): Promise<Float64Array> {
  const { rows, unitsTogether, multiplyTransposed, breathe } = half;
  const rises = new Float64Array(units);
  const whole = await openElimination(half, damping);
  if (whole === undefined) return rises;
  const rowsAUnit = rows / units;
  const togetherRows = unitsTogether * rowsAUnit;
  for (let from = 0; from < units; from += unitsTogether) {
    const part =
      unitsTogether === units
        ? whole
        : cutRows(whole, { from: from * rowsAUnit, rows: togetherRows }, multiplyTransposed);
    const breatheAt = async (left: number): Promise<void> =>
      breathe?.((1 + (from + unitsTogether * (1 - (left / togetherRows) ** 3)) / units) / 2);
    const tell = (place: number, rise: number): void => void (rises[from + place] = rise);
    await (rowsAUnit === 1
      ? eliminateRows(part, tell, breatheAt)
      : eliminateBlocks(part, rowsAUnit, half, tell, breatheAt));
  }
  return rises;
}

type Tools = Pick<ScoredHalf, 'multiplyTransposed'>;
type Tell = (place: number, rise: number) => void;

/** Rows that go before the matrices of the others are brought up to date, by a product. */
const PANEL_ROWS = 64;

/**
 * Units of one row. Of the matrices only the diagonals are kept up to date from row to row, and the column of the row
 * that goes is computed when it goes.
 */
async function eliminateRows(
  elimination: Elimination,
  tell: Tell,
  breatheAt: (left: number) => Promise<void>,
): Promise<void> {
  const places = Array.from({ length: elimination.size() }, (_, place) => place);
  let rise = 0;
  while (places.length > 0) {
    const { inverse, products } = elimination;
    const size = places.length;
    const steps = Math.min(PANEL_ROWS, size);
    const [costs, scales] = [diagonalOf(products, size), diagonalOf(inverse, size)];
    const [lower, shift] = [new Float64Array(steps * size), new Float64Array(steps * size)];
    const gone = new Uint8Array(size);
    for (let step = 0; step < steps; step++) {
      const row = findCheapest(costs, scales, gone);
      const scale = scales[row] as number;
      rise += Math.max(0, (costs[row] as number) / scale);
      tell(places[row] as number, rise);
      gone[row] = 1;
      const column = lower.subarray(step * size, (step + 1) * size);
      const change = shift.subarray(step * size, (step + 1) * size);
      column.set(inverse.subarray(row * size, (row + 1) * size));
      change.set(products.subarray(row * size, (row + 1) * size));
      for (let earlier = 0; earlier < step; earlier++)
        bringUpToDate(column, change, lower.subarray(earlier * size), shift.subarray(earlier * size), row);
      const root = Math.sqrt(scale);
      const half = (costs[row] as number) / scale / 2;
      for (let at = 0; at < size; at++) {
        const l = (column[at] as number) / root;
        const z = (change[at] as number) / root - half * l;
        column[at] = l;
        change[at] = z;
        scales[at] = (scales[at] as number) - l * l;
        costs[at] = (costs[at] as number) - 2 * l * z;
      }
    }
    await elimination.remove({ lower, shift, count: steps }, gone);
    for (let row = size - 1; row >= 0; row--) if (gone[row] === 1) places.splice(row, 1);
    await breatheAt(places.length);
  }
}

/** The columns of a row, which an earlier row of the panel has changed. */
function bringUpToDate(
  column: Float64Array,
  change: Float64Array,
  lower: Float64Array,
  shift: Float64Array,
  row: number,
): void {
  const [l, z] = [lower[row] as number, shift[row] as number];
  for (let at = 0; at < column.length; at++) {
    const other = lower[at] as number;
    column[at] = (column[at] as number) - l * other;
    change[at] = (change[at] as number) - l * (shift[at] as number) - z * other;
  }
}

/** Of equal costs the last one, as units of equal scores are ranked by their index. */
function findCheapest(costs: Float64Array, scales: Float64Array, gone: Uint8Array): number {
  let [cheapest, least] = [-1, Infinity];
  for (let row = 0; row < costs.length; row++) {
    const cost = (costs[row] as number) / (scales[row] as number);
    if (gone[row] === 0 && (cost <= least || cheapest < 0)) [cheapest, least] = [row, cost];
  }
  return cheapest;
}

/** Units of several rows: every one that is left is tried before one goes. */
async function eliminateBlocks(
  elimination: Elimination,
  rows: number,
  tools: Tools,
  tell: Tell,
  breatheAt: (left: number) => Promise<void>,
): Promise<void> {
  const places = Array.from({ length: elimination.size() / rows }, (_, place) => place);
  let rise = 0;
  while (places.length > 0) {
    let cheapest: { readonly at: number; readonly block: SolvedBlock } | undefined;
    for (const at of places.keys()) {
      const block = await solveBlock(elimination, at * rows, rows, tools);
      if (cheapest === undefined || block.cost <= cheapest.block.cost) cheapest = { at, block };
      await breatheAt(places.length * rows);
    }
    if (cheapest === undefined) return;
    const { at, block } = cheapest;
    rise += Math.max(0, block.cost);
    tell(places[at] as number, rise);
    const gone = new Uint8Array(places.length * rows).fill(1, at * rows, (at + 1) * rows);
    await elimination.remove(await factorBlock(elimination, at * rows, rows, block, tools), gone);
    places.splice(at, 1);
  }
}

/** What the loss of a block of rows costs. */
interface SolvedBlock {
  readonly cost: number;
  /** U^-1 of C_JJ = U^T U. */
  readonly root: Float64Array;
  /** U^-T K_JJ U^-1 */
  readonly inner: Float64Array;
}

async function solveBlock(
  { inverse, products, size }: Elimination,
  from: number,
  rows: number,
  { multiplyTransposed }: Tools,
): Promise<SolvedBlock> {
  const place = { top: from, left: from, rows, columns: rows };
  const factor = copyBlock(inverse, size(), place);
  await factoriseInPlace(factor, rows, { multiplyTransposed });
  const root = transposeBlock(await invertTransposed(factor, rows, { multiplyTransposed }), rows, rows);
  const sizes = { inner: rows, rows, columns: rows };
  const right = await multiplyTransposed(copyBlock(products, size(), place), root, sizes); // K_JJ is symmetric
  const inner = await multiplyTransposed(root, right, sizes);
  return { cost: diagonalOf(inner, rows).reduce((sum, value) => sum + value, 0), root, inner };
}

/** L = U^-T C_J: and Z = U^-T K_J: - (U^-T K_JJ U^-1) L / 2. */
async function factorBlock(
  { inverse, products, size }: Elimination,
  from: number,
  rows: number,
  { root, inner }: SolvedBlock,
  { multiplyTransposed }: Tools,
): Promise<{ readonly lower: Float64Array; readonly shift: Float64Array; readonly count: number }> {
  const width = size();
  const rowsOf = (matrix: Float64Array): Float64Array => matrix.subarray(from * width, (from + rows) * width);
  const sizes = { inner: rows, rows, columns: width };
  const lower = await multiplyTransposed(root, rowsOf(inverse), sizes);
  const shift = await multiplyTransposed(root, rowsOf(products), sizes);
  const half = await multiplyTransposed(inner, lower, sizes);
  return { lower, shift: shift.map((value, at) => value - (half[at] as number) / 2), count: rows };
}

function diagonalOf(matrix: Float64Array, size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, at) => matrix[at * (size + 1)] as number);
}
