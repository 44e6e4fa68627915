import { describe, expect, it } from 'vitest';
import type { ScoredHalf } from '../../../src/core/ports/criterion.js';
import { createRng } from '../../../src/core/random.js';
import { eliminateUnits } from '../../../src/engine/ranking/eliminate-units.js';
import { multiplyTransposed } from '../../../src/plugins/testing/multiply-transposed.js';

const [HIDDEN, DAMPING] = [3, 0.01];

/** Inputs that depend on each other, so that the rest can make up for some of them. */
function drawHalf(rows: number, unitsTogether: number): ScoredHalf {
  const rng = createRng(rows);
  const tokens = 2 * rows;
  const causes = Math.ceil(rows / 2);
  const mixed = Float64Array.from({ length: causes * rows }, () => rng.uniform() - 0.5);
  const inputs = new Float64Array(tokens * rows);
  for (let token = 0; token < tokens; token++) {
    const drawn = Array.from({ length: causes }, () => rng.uniform() - 0.3);
    for (let row = 0; row < rows; row++)
      inputs[token * rows + row] = drawn.reduce(
        (sum, cause, at) => sum + cause * (mixed[at * rows + row] ?? NaN),
        0.2 * (rng.uniform() - 0.5),
      );
  }
  const gram = Float64Array.from({ length: rows * rows }, (_, at) => {
    let sum = 0;
    for (let token = 0; token < tokens; token++)
      sum += (inputs[token * rows + Math.floor(at / rows)] ?? NaN) * (inputs[token * rows + (at % rows)] ?? NaN);
    return sum / tokens;
  });
  const weights = Float32Array.from({ length: rows * HIDDEN }, () => rng.uniform() - 0.5);
  return { weights, rows, hidden: HIDDEN, gram, unitsTogether, multiplyTransposed };
}

/**
 * By the definition: in each round every unit that is left is removed for trial, the kept weights are fitted by least
 * squares, and the error is taken of the result.
 */
function searchGreedily({ weights, rows, gram, unitsTogether }: ScoredHalf, units: number): Float64Array {
  const damped = dampGram(gram, rows);
  const rowsAUnit = rows / units;
  const rises = new Float64Array(units);
  for (let from = 0; from < units; from += unitsTogether) {
    const isRanked = (other: number): boolean => other >= from && other < from + unitsTogether;
    const left = new Set(Array.from({ length: unitsTogether }, (_, at) => from + at));
    while (left.size > 0) {
      const trials = [...left].map((unit) => {
        const kept = Array.from(rises.keys()).filter(
          (other) => other !== unit && (!isRanked(other) || left.has(other)),
        );
        const keptRows = kept.flatMap((other) => Array.from({ length: rowsAUnit }, (_, at) => other * rowsAUnit + at));
        return { unit, error: measureFit(damped, weights, rows, keptRows) };
      });
      const best = trials.reduce((least, trial) => (trial.error < least.error ? trial : least));
      rises[best.unit] = best.error;
      left.delete(best.unit);
    }
  }
  return rises;
}

function dampGram(gram: Float64Array, rows: number): Float64Array {
  let trace = 0;
  for (let row = 0; row < rows; row++) trace += gram[row * (rows + 1)] ?? NaN;
  return gram.map((value, at) => value + (at % (rows + 1) === 0 ? (DAMPING * trace) / rows : 0));
}

/** tr((W - W')^T H (W - W')) with the best W' of the kept rows: H_KK W' = H_K: W, by elimination. */
function measureFit(damped: Float64Array, weights: Float32Array, rows: number, kept: readonly number[]): number {
  const h = (a: number, b: number): number => damped[a * rows + b] ?? NaN;
  const w = (row: number, column: number): number => weights[row * HIDDEN + column] ?? NaN;
  const all = Array.from({ length: rows }, (_, row) => row);
  const columns = Array.from({ length: HIDDEN }, (_, column) => column);
  const system = kept.map((row) => [
    ...kept.map((other) => h(row, other)),
    ...columns.map((column) => all.reduce((sum, other) => sum + h(row, other) * w(other, column), 0)),
  ]);
  for (const [at, pivot] of system.entries())
    for (const [below, line] of system.entries()) {
      if (below === at) continue;
      const factor = (line[at] ?? NaN) / (pivot[at] ?? NaN);
      for (let place = at; place < line.length; place++)
        line[place] = (line[place] ?? NaN) - factor * (pivot[place] ?? NaN);
    }
  const lost = Float64Array.from(weights);
  for (const [at, row] of kept.entries())
    for (const column of columns) {
      const fitted = (system[at]?.[kept.length + column] ?? NaN) / (system[at]?.[at] ?? NaN);
      lost[row * HIDDEN + column] = w(row, column) - fitted;
    }
  let error = 0;
  for (const a of all)
    for (const b of all)
      for (const column of columns)
        error += (lost[a * HIDDEN + column] ?? NaN) * h(a, b) * (lost[b * HIDDEN + column] ?? NaN);
  return error;
}

describe('eliminateUnits', () => {
  it.each([
    ['channels', { rows: 12, units: 12, together: 12 }],
    ['more channels than are eliminated in one panel', { rows: 70, units: 70, together: 70 }],
    ['key-value groups', { rows: 20, units: 5, together: 5 }],
    ['query heads, each within its group', { rows: 24, units: 6, together: 2 }],
  ])(
    'removes %s in the order of a direct search, which refits for every candidate, at its errors',
    async (_, sizes) => {
      const { rows, units, together } = sizes;
      const expected = searchGreedily(drawHalf(rows, together), units);
      const found = await eliminateUnits(drawHalf(rows, together), units, DAMPING);
      expect(expected.every((error) => error > 0)).toBe(true);
      found.forEach((error, unit) => expect(error / (expected[unit] ?? NaN)).toBeCloseTo(1, 6));
    },
  );

  it('finds nothing worth keeping if no input is ever other than 0', async () => {
    const half = drawHalf(4, 4);
    expect(await eliminateUnits({ ...half, gram: new Float64Array(16) }, 4, DAMPING)).toEqual(new Float64Array(4));
  });

  it('tells how far it is, up to all of it, and ends when it may not go on', async () => {
    const shares: number[] = [];
    await eliminateUnits({ ...drawHalf(70, 70), breathe: async (share) => void shares.push(share) }, 70, DAMPING);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBeCloseTo(1, 12);
    await expect(eliminateUnits({ ...drawHalf(70, 70), breathe: endLate }, 70, DAMPING)).rejects.toThrow('enough');
  });
});

async function endLate(share: number): Promise<void> {
  if (share > 0.6) throw new Error('enough');
}
