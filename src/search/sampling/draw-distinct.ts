import type { CandidateSampler } from '../../core/ports/strategy.js';
import { countsKey, type Counts } from '../../core/space/search-space.js';
import type { Rng } from '../../core/random.js';

/**
 * Up to `count` distinct points that `taken` does not hold; fewer where so many draws in a row brought nothing new that
 * hardly any is left. Their keys are added to `taken`.
 */
export function drawDistinct(sampler: CandidateSampler, count: number, rng: Rng, taken: Set<string>): Counts[] {
  const points: Counts[] = [];
  let misses = 0;
  // With M points left to find among n known, a run of 10 n + 200 misses has a chance below e^-10.
  while (points.length < count && misses < 10 * taken.size + 200) {
    const counts = sampler.sample(rng);
    if (counts === undefined) break;
    const key = countsKey(counts);
    if (taken.has(key)) misses += 1;
    else {
      taken.add(key);
      points.push(counts);
      misses = 0;
    }
  }
  return points;
}
