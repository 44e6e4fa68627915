import type { SearchProblem } from '../../../core/ports/strategy.js';
import type { Counts } from '../../../core/space/search-space.js';
import { selectSpread } from '../../../core/statistics/select-spread.js';
import { listLevelPoints } from './list-level-points.js';

/**
 * Where breeding starts besides random points: level points, which random draws hardly ever are and which are often best,
 * the best `most` evaluated pairs, and means of the best feasible ones, all repaired onto the budget. The same point may
 * come twice.
 */
export function listFounders(problem: SearchProblem, most: number): Counts[] {
  const best = selectSpread(
    problem.evaluated.map(({ values }) => values),
    most,
  ).map((index) => problem.sampler.repair(problem.evaluated[index]?.counts ?? [], problem.rng));
  return [...listLevelPoints(problem), ...listMeans(problem), ...best].filter((counts) => counts !== undefined);
}

/** How many of the best a mean is taken of. */
const MEAN_SIZES = [4, 8, 16, 32];

/**
 * Means of the best: what each of them changed for the better adds up, and what it changed by chance evens out (Beyer, "Toward
 * a Theory of Evolution Strategies: on the benefits of sex", 1995).
 */
function listMeans({ space, sampler, evaluated, rng }: SearchProblem): (Counts | undefined)[] {
  const feasible = evaluated.filter(({ counts }) => sampler.isFeasible(counts));
  const ranked = selectSpread(
    feasible.map(({ values }) => values),
    feasible.length,
  ).map((index) => feasible[index]?.counts ?? []);
  return MEAN_SIZES.filter((size) => size <= ranked.length).map((size) =>
    sampler.repair(
      space.dimensions.map((dimension, place) =>
        Math.round(ranked.slice(0, size).reduce((sum, counts) => sum + (counts[place] ?? dimension.size), 0) / size),
      ),
      rng,
    ),
  );
}
