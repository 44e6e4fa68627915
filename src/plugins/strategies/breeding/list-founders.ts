import type { SearchProblem } from '../../../core/ports/strategy.js';
import type { Counts } from '../../../core/space/search-space.js';
import { listLevelPoints } from './list-level-points.js';

/**
 * Where breeding starts besides random points: level points, which random draws hardly ever are and which are often best,
 * and the best `most` evaluated pairs, repaired onto the budget. The same point may come twice.
 */
export function listFounders(problem: SearchProblem, most: number): Counts[] {
  const best = problem.evaluated
    .toSorted((a, b) => a.value - b.value)
    .slice(0, most)
    .map(({ counts }) => problem.sampler.repair(counts, problem.rng));
  return [...listLevelPoints(problem), ...best].filter((counts) => counts !== undefined);
}
