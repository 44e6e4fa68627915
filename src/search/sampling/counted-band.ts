import type { CostBand } from '../../core/budget/budget.js';
import type { Rng } from '../../core/random.js';
import type { Counts } from '../../core/space/search-space.js';
import { costEnds, type SeparatedCost } from './components.js';
import { buildCountingTable, differencesFrom, findUnit, type CountingTable } from './counting-table.js';

/** 96 MiB of float64: SmolLM2 needs 21, Llama-2-7B at 20 % fewer parameters 142 in exact units. */
const MOST_CELLS = 12 * 2 ** 20;

export interface CountedBand {
  readonly table: CountingTable;
  /** Those that hold a point. */
  readonly parts: readonly BandPart[];
  readonly logPoints: number;
  /** Whether every draw lies in the exact band. */
  readonly isExact: boolean;
}

/** Neighbouring units of the table and their running totals. */
interface BandPart {
  readonly from: number;
  readonly running: Float64Array;
  readonly total: number;
}

export function* countBand(
  separated: SeparatedCost,
  { least, most }: Pick<CostBand, 'least' | 'most'>,
  parts = 1,
): Generator<void, CountedBand> {
  const { components } = separated;
  const { cheapest, dearest } = costEnds(separated);
  // Counted from the nearer end, so that the table never covers more than half of the whole range.
  const reference = dearest - (least + most) / 2 < (least + most) / 2 - cheapest ? 'dearest' : 'cheapest';
  const [near, far] = reference === 'dearest' ? [dearest - most, dearest - least] : [least - cheapest, most - cheapest];
  if (far < 0 || near > dearest - cheapest) return emptyBand();
  const differences = components.map((component) => differencesFrom(reference, component));
  const exactUnit = findUnit(differences);
  const unit = chooseUnit(differences, exactUnit, Math.min(far, dearest - cheapest));
  const slack = unit === exactUnit ? 0 : roundingError(differences, unit);
  const from = Math.max(0, Math.ceil((near - slack) / unit));
  const to = Math.floor((Math.min(far, dearest - cheapest) + slack) / unit);
  if (to < from) return emptyBand();
  const table = yield* buildCountingTable(differences, unit, to);
  const width = to - from + 1;
  const cutAt = (part: number): number => from + Math.floor((part * width) / parts);
  const cut = Array.from({ length: parts }, (_, part) => addUp(table, cutAt(part), cutAt(part + 1), width)).filter(
    (part) => part.total > 0,
  );
  const total = cut.reduce((sum, part) => sum + part.total, 0);
  return {
    table,
    parts: cut,
    logPoints: Math.log(total) + Math.log(width) + table.logScale,
    isExact: unit === exactUnit,
  };
}

/**
 * Running totals over units from `from` to before `end`. They are divided by `scale`: a whole band of entries near the
 * peak would add up to infinity.
 */
function addUp({ rows: [row] }: CountingTable, from: number, end: number, scale: number): BandPart {
  let total = 0;
  const running = Float64Array.from(
    { length: end - from },
    (_, index) => (total += (row?.[from + index] ?? 0) / scale),
  );
  return { from, running, total };
}

function emptyBand(): CountedBand {
  const table = { units: [], rows: [], scales: new Float64Array(), logScale: 0 };
  return { table, parts: [], logPoints: Number.NEGATIVE_INFINITY, isExact: true };
}

/** The exact unit if the table fits; else a multiple of the commonest step, so that sliding windows still work. */
function chooseUnit(differences: readonly Float64Array[], exactUnit: number, far: number): number {
  const rows = differences.length + 1;
  if ((far / exactUnit) * rows <= MOST_CELLS) return exactUnit;
  const longest = differences.reduce((a, b) => (b.length > a.length ? b : a));
  const step = Math.abs((longest[1] ?? 0) - (longest[0] ?? 0)) || exactUnit;
  return step * Math.max(1, Math.ceil((far * rows) / (MOST_CELLS * step)));
}

function roundingError(differences: readonly Float64Array[], unit: number): number {
  return differences.reduce(
    (sum, costs) =>
      sum + costs.reduce((most, cost) => Math.max(most, Math.abs(Math.round(cost / unit) * unit - cost)), 0),
    0,
  );
}

export function drawPoint(
  { table, parts }: CountedBand,
  { components }: SeparatedCost,
  dimensions: number,
  rng: Rng,
): Counts {
  const point = Array.from({ length: dimensions }, () => 0);
  const { from, running, total } = parts[parts.length > 1 ? rng.integer(parts.length) : 0] as BandPart;
  let left = from + findFirst(running, rng.uniform() * total);
  components.forEach((component, index) => {
    const units = table.units[index] ?? new Int32Array();
    const tail = table.rows[index + 1] ?? new Float64Array();
    let wanted = (rng.uniform() * (table.rows[index]?.[left] ?? 0)) / (table.scales[index] ?? 1);
    let chosen = -1;
    for (let option = 0; option < units.length && wanted >= 0; option++) {
      const weight = tail[left - (units[option] as number)] ?? 0;
      if (weight === 0) continue;
      chosen = option; // Rounding may leave a little of `wanted` at the end: then it is the last possible option.
      wanted -= weight;
    }
    component.dimensions.forEach((dimension, at) => {
      point[dimension] = component.options[chosen]?.[at] ?? 0;
    });
    left -= units[chosen] ?? 0;
  });
  return point;
}

/** Index of the first running total above a value. */
function findFirst(running: Float64Array, value: number): number {
  let [low, high] = [0, running.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((running[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The cost nearest to an empty band. A gap is never wider than the largest step of a dimension. */
export function* findNearestCost(separated: SeparatedCost, { least, most }: CostBand): Generator<void, number> {
  const { cheapest, dearest } = costEnds(separated);
  if (cheapest >= most) return cheapest;
  if (dearest <= least) return dearest;
  const step = Math.max(...separated.components.map(({ costs }) => largestStep(costs)));
  const around = yield* countBand(separated, { least: least - step, most: most + step });
  const {
    table,
    parts: [{ from, running } = { from: 0, running: new Float64Array() }],
  } = around;
  const middle = (least + most) / 2;
  let nearest = cheapest;
  for (let w = from; w < from + running.length; w++) {
    if ((table.rows[0]?.[w] ?? 0) === 0) continue;
    const cost = measureEntry(separated, table, w);
    if (Math.abs(cost - middle) < Math.abs(nearest - middle)) nearest = cost;
  }
  return nearest;
}

/** The exact cost of a point that spends this many units. */
function measureEntry({ components, fixed }: SeparatedCost, table: CountingTable, units: number): number {
  let left = units;
  return components.reduce((sum, { costs }, index) => {
    const option = (table.units[index] ?? new Int32Array()).findIndex(
      (spent) => (table.rows[index + 1]?.[left - spent] ?? 0) > 0,
    );
    left -= table.units[index]?.[option] ?? 0;
    return sum + (costs[option] ?? 0);
  }, fixed);
}

function largestStep(costs: Float64Array): number {
  const sorted = costs.toSorted();
  return sorted.reduce((step, cost, index) => Math.max(step, cost - (sorted[index - 1] ?? cost)), 0);
}
