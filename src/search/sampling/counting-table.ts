import type { Component } from './components.js';

/**
 * How many points of a space have each exact cost up to a limit: dynamic programming over the components, last to
 * first, in units of the greatest common divisor of their cost differences.
 *
 * Each component's costs are taken as differences from a reference end (its dearest or cheapest option), so that the
 * table reaches only from that end to the band. Rows are scaled by powers of two: only ratios within a row are used.
 */
export interface CountingTable {
  /** Cost units of each option, component by component. */
  readonly units: readonly Int32Array[];
  /** `rows[i][w]`: in proportion, the ways to spend exactly w units on the components from i on. */
  readonly rows: readonly Float64Array[];
  /** `rows[i][w] = scales[i] * sum over options o of rows[i + 1][w - units[i][o]]`. */
  readonly scales: Float64Array;
  /** Natural logarithm of the number of points behind a `rows[0]` entry of 1. */
  readonly logScale: number;
}

/**
 * Builds the table; it yields after each row (about a millisecond for 50,000 units), so that a caller can let others
 * run.
 *
 * @param differences of each component's options from its reference end, all at least 0
 * @param unit what they are rounded to; their greatest common divisor loses nothing
 * @param limit the most units that matter
 */
export function* buildCountingTable(
  differences: readonly Float64Array[],
  unit: number,
  limit: number,
): Generator<void, CountingTable> {
  const units = differences.map((costs) => Int32Array.from(costs, (cost) => Math.round(cost / unit)));
  const scales = new Float64Array(units.length);
  const last = new Float64Array(limit + 1);
  last[0] = LARGEST;
  const rows: Float64Array[] = [last];
  let logScale = -Math.log(LARGEST);
  for (let index = units.length - 1; index >= 0; index--) {
    const row = addComponent(rows[0] ?? last, units[index] ?? new Int32Array());
    const scale = normalise(row);
    scales[index] = scale;
    logScale -= Math.log(scale);
    rows.unshift(row);
    yield;
  }
  return { units, rows, scales, logScale };
}

/** The greatest common divisor of all differences; 1 if all are 0. */
export function findUnit(differences: readonly Float64Array[]): number {
  let unit = 0;
  for (const costs of differences) for (const cost of costs) unit = greatestCommonDivisor(unit, cost);
  return unit === 0 ? 1 : unit;
}

/** The differences of a component's costs from its dearest or cheapest option. */
export function differencesFrom(
  reference: 'dearest' | 'cheapest',
  { costs, cheapest, dearest }: Component,
): Float64Array {
  const end = reference === 'dearest' ? dearest : cheapest;
  return costs.map((cost) => Math.abs(cost - end));
}

/** Rows peak here: sums over a million options stay finite, and entries down to 1e-578 of the peak are kept. */
const LARGEST = 2 ** 900;

/** Options of equal spacing and multiplicity: `start`, `start + step`, ... , `length` of them. */
interface Progression {
  readonly start: number;
  readonly step: number;
  readonly length: number;
  readonly multiplicity: number;
}

function addComponent(tail: Float64Array, units: Int32Array): Float64Array {
  const row = new Float64Array(tail.length);
  for (const progression of findProgressions(units)) {
    if (progression.length < 8) addSeparately(row, tail, progression);
    else addWindow(row, tail, progression);
  }
  return row;
}

function findProgressions(units: Int32Array): Progression[] {
  const multiplicities = new Map<number, number>();
  for (const unit of units) multiplicities.set(unit, (multiplicities.get(unit) ?? 0) + 1);
  const sorted = [...multiplicities].sort(([a], [b]) => a - b);
  const progressions: Progression[] = [];
  for (const [unit, multiplicity] of sorted) {
    const open = progressions.at(-1);
    const end = open === undefined ? 0 : open.start + open.step * (open.length - 1);
    if (open?.multiplicity === multiplicity && (open.length === 1 || unit - end === open.step)) {
      progressions[progressions.length - 1] = { ...open, step: unit - end, length: open.length + 1 };
    } else progressions.push({ start: unit, step: 1, length: 1, multiplicity });
  }
  return progressions;
}

function addSeparately(
  row: Float64Array,
  tail: Float64Array,
  { start, step, length, multiplicity }: Progression,
): void {
  for (let k = 0, offset = start; k < length; k++, offset += step) {
    for (let w = offset; w < row.length; w++) row[w] = (row[w] as number) + multiplicity * (tail[w - offset] as number);
  }
}

/**
 * Adds `multiplicity * (tail[w] + tail[w - step] + ...)`, `length` terms, in time that does not depend on `length`:
 * prefix and suffix sums over blocks of `length` (van Herk and Gil-Werman's sliding window). There is no subtraction in
 * it, so that rare costs keep their full relative precision and impossible ones stay exactly 0.
 */
function addWindow(row: Float64Array, tail: Float64Array, { start, step, length, multiplicity }: Progression): void {
  const size = tail.length;
  const prefix = new Float64Array(size);
  const suffix = new Float64Array(size);
  const back = (length - 1) * step;
  for (let residue = 0; residue < Math.min(step, size); residue++) {
    let place = 0;
    for (let w = residue; w < size; w += step) {
      prefix[w] = (tail[w] as number) + (place === 0 ? 0 : (prefix[w - step] as number));
      place = place + 1 === length ? 0 : place + 1;
    }
    const entries = Math.floor((size - 1 - residue) / step);
    place = entries % length;
    for (let w = residue + entries * step; w >= 0; w -= step) {
      suffix[w] = (tail[w] as number) + (place === length - 1 || w + step >= size ? 0 : (suffix[w + step] as number));
      place = place === 0 ? length - 1 : place - 1;
    }
    place = 0;
    for (let w = residue; w + start < size; w += step) {
      const whole = place === length - 1 || w < back;
      row[w + start] =
        (row[w + start] as number) +
        multiplicity * ((prefix[w] as number) + (whole ? 0 : (suffix[w - back] as number)));
      place = place + 1 === length ? 0 : place + 1;
    }
  }
}

/**
 * Scales the row in place so that its largest entry is near `LARGEST`; returns the power of two it was multiplied by.
 */
function normalise(row: Float64Array): number {
  let largest = 0;
  for (const value of row) if (value > largest) largest = value;
  if (largest === 0) return 1;
  const scale = 2 ** Math.floor(Math.log2(LARGEST / largest));
  for (let w = 0; w < row.length; w++) row[w] = (row[w] as number) * scale;
  return scale;
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return x;
}
