import type { SearchProblem } from '../../../core/ports/strategy.js';
import type { Counts } from '../../../core/space/search-space.js';
import { selectSpread } from '../../../core/statistics/select-spread.js';
import { listLevelPoints } from './list-level-points.js';

/**
 * The points that breeding starts from, beside random ones: level points, which are often best and hardly ever drawn,
 * the best `most` evaluated pairs, and means of the best feasible ones, all repaired to fit the budget. A point may
 * occur twice.
 */
export function listFounders(problem: SearchProblem, most: number): Counts[] {
  const best = selectSpread(
    problem.evaluated.map(({ values }) => values),
    most,
  ).map((index) => problem.sampler.repair(problem.evaluated[index]?.counts ?? [], problem.rng));
  return [...listLevelPoints(problem), ...listMeans(problem), ...best].filter((counts) => counts !== undefined);
}

/** The numbers of best points that means are taken of. */
const MEAN_SIZES = [4, 8, 16, 32];

/**
 * Means of the best: their improvements add up, and their random changes cancel out (Beyer, "Toward
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
