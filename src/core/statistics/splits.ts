import type { Rng } from '../random.js';

/** The rows to fit on and those to judge on, each ascending. */
export interface Split {
  readonly fit: readonly number[];
  readonly holdOut: readonly number[];
}

/**
 * A random split that holds out round(`share` * rows) rows, with at least one row on either side; 0.3 is the paper's
 * 7:3.
 */
export function splitHoldOut(rows: number, share: number, rng: Rng): Split {
  const held = Math.min(rows - 1, Math.max(1, Math.round(rows * share)));
  const shuffled = rng.shuffle(Array.from({ length: rows }, (_, row) => row));
  return { fit: ascending(shuffled.slice(held)), holdOut: ascending(shuffled.slice(0, held)) };
}

/** `folds` random splits; every row is held out by exactly one, and the parts' sizes differ by at most one. */
export function splitFolds(rows: number, folds: number, rng: Rng): Split[] {
  const shuffled = rng.shuffle(Array.from({ length: rows }, (_, row) => row));
  return Array.from({ length: folds }, (_, fold) => ({
    fit: ascending(shuffled.filter((_row, place) => place % folds !== fold)),
    holdOut: ascending(shuffled.filter((_row, place) => place % folds === fold)),
  }));
}

function ascending(rows: readonly number[]): number[] {
  return [...rows].sort((a, b) => a - b);
}
