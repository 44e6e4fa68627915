import type { TransposedProduct } from '../../src/core/ports/compensation.js';
import type { ScoredHalf } from '../../src/core/ports/criterion.js';
import { factoriseInPlace, invertTransposed } from '../../src/engine/compensation/cholesky.js';
import { transposeBlock } from '../../src/engine/compensation/matrix-blocks.js';
import { type Elimination, openElimination } from '../../src/engine/ranking/elimination.js';

/**
 * What `eliminateUnits` computes for units of one row, but `together` rows go between two looks at the costs: those of
 * the lowest cost, the cheapest first. The errors are exact for the order that comes out.
 */
export async function eliminateTogether(half: ScoredHalf, damping: number, together: number): Promise<Float64Array> {
  const rises = new Float64Array(half.rows);
  const elimination = await openElimination(half, damping);
  if (elimination === undefined) return rises;
  let places = Array.from(rises.keys());
  let rise = 0;
  while (places.length > 0) {
    const rows = listCheapest(elimination, together);
    const { costs, ...step } = await factorRows(elimination, rows, half.multiplyTransposed);
    for (const [at, row] of rows.entries()) {
      rise += Math.max(0, costs[at] as number);
      rises[places[row] as number] = rise;
    }
    const gone = new Uint8Array(places.length);
    for (const row of rows) gone[row] = 1;
    await elimination.remove(step, gone);
    places = places.filter((_, row) => gone[row] === 0);
  }
  return rises;
}

function listCheapest({ inverse, products, size }: Elimination, count: number): number[] {
  const width = size();
  const costs = Float64Array.from(
    { length: width },
    (_, row) => (products[row * (width + 1)] as number) / (inverse[row * (width + 1)] as number),
  );
  return Array.from(costs.keys())
    .sort((a, b) => (costs[a] as number) - (costs[b] as number))
    .slice(0, count);
}

/**
 * With C_JJ = U^T U: L = U^-T C_J:, Z = U^-T K_J: - (U^-T K_JJ U^-1) L / 2, and the diagonal of U^-T K_JJ U^-1, which is
 * what each row costs when those before it have gone.
 */
async function factorRows(
  { inverse, products, size }: Elimination,
  rows: readonly number[],
  multiplyTransposed: TransposedProduct,
) {
  const [count, width] = [rows.length, size()];
  const factor = pickColumns(pickRows(inverse, width, rows), width, rows);
  await factoriseInPlace(factor, count, { multiplyTransposed });
  const root = transposeBlock(await invertTransposed(factor, count, { multiplyTransposed }), count, count); // U^-1
  const solve = (columns: Float64Array, many: number): Promise<Float64Array> =>
    multiplyTransposed(root, columns, { inner: count, rows: count, columns: many });
  const own = await solve(
    transposeBlock(await solve(pickColumns(pickRows(products, width, rows), width, rows), count), count, count),
    count,
  );
  const lower = await solve(pickRows(inverse, width, rows), width);
  const shift = await solve(pickRows(products, width, rows), width);
  const half = await multiplyTransposed(own, lower, { inner: count, rows: count, columns: width });
  return {
    lower,
    shift: shift.map((value, at) => value - (half[at] as number) / 2),
    count,
    costs: Float64Array.from(rows, (_, at) => own[at * (count + 1)] as number),
  };
}

function pickRows(matrix: Float64Array, width: number, rows: readonly number[]): Float64Array {
  const picked = new Float64Array(rows.length * width);
  for (const [at, row] of rows.entries()) picked.set(matrix.subarray(row * width, (row + 1) * width), at * width);
  return picked;
}

function pickColumns(matrix: Float64Array, width: number, columns: readonly number[]): Float64Array {
  return Float64Array.from(
    { length: (matrix.length / width) * columns.length },
    (_, at) => matrix[Math.floor(at / columns.length) * width + (columns[at % columns.length] as number)] as number,
  );
}
