import type { SearchProblem } from '../../../core/ports/strategy.js';
import type { Counts } from '../../../core/space/search-space.js';
import { selectSpread } from '../../../core/statistics/select-spread.js';
import { listLevelPoints } from './list-level-points.js';

/**
 * Where breeding starts besides random points: level points, which random draws hardly ever are and which are often best,
 * and the best `most` evaluated pairs, repaired onto the budget. The same point may come twice.
 */
export function listFounders(problem: SearchProblem, most: number): Counts[] {
  const best = selectSpread(problem.evaluated.map(({ values }) => values), most)
    .map((index) => problem.sampler.repair(problem.evaluated[index]?.counts ?? [], problem.rng));
  return [...listLevelPoints(problem), ...best].filter((counts) => counts !== undefined);
}
