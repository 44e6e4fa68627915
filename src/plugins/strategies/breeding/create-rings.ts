import type { EvaluatedPoint, SearchProblem } from '../../../core/ports/strategy.js';
import { toRates, type Counts, rateDistance } from '../../../core/space/search-space.js';

/** The best predicted candidates within several distances of the best measured one. */
export interface Rings {
  readonly count: number;
  add(told: readonly Told[]): void;
  /** The best of each ring, best first, at most `count`; a candidate near the centre is also in the wider rings. */
  best(count: number): Counts[][];
}

interface Told {
  readonly counts: Counts;
  readonly predicted: number;
}

/**
 * One ring per radius, in mean absolute differences of rates; if nothing feasible was measured, one ring that holds
 * all.
 */
export function createRings({ space, sampler, evaluated }: SearchProblem, radii: readonly number[]): Rings {
  const feasible = evaluated.filter(({ counts }) => sampler.isFeasible(counts));
  const centre =
    feasible.length === 0
      ? undefined
      : toRates(space, feasible.reduce((best, point) => (valueOf(point) < valueOf(best) ? point : best)).counts);
  const rings = (centre === undefined ? [1] : radii).map((radius) => ({ radius, ranked: [] as Told[] }));
  return {
    count: rings.length,
    add(told) {
      const distances = told.map(({ counts }) =>
        centre === undefined ? 0 : rateDistance(toRates(space, counts), centre),
      );
      for (const ring of rings) {
        const inside = told.filter((_, index) => (distances[index] ?? 0) <= ring.radius);
        ring.ranked = [...ring.ranked, ...inside].sort((a, b) => a.predicted - b.predicted);
      }
    },
    best: (count) => rings.map(({ ranked }) => ranked.slice(0, count).map(({ counts }) => counts)),
  };
}

function valueOf({ values: [value = Number.POSITIVE_INFINITY] }: EvaluatedPoint): number {
  return value;
}
