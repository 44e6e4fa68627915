import type { Rng } from '../../core/ports/rng.js';
import type { CandidateSampler } from '../../core/ports/strategy.js';
import { countsKey, type Counts, type SearchSpace } from '../../core/space/search-space.js';

/**
 * Distinct points around one: every dimension takes another count, near or far by a scale that is drawn for each point, and
 * the point is brought back into the sampler's band. Fewer where hardly any is left; keys are added to `taken`.
 */
export function drawNear({ dimensions }: SearchSpace, sampler: CandidateSampler, centre: Counts, count: number, rng: Rng, taken: Set<string>): Counts[] {
  const points: Counts[] = [];
  for (let tries = 0; points.length < count && tries < 20 * count; tries++) {
    const scale = LEAST_SCALE * (MOST_SCALE / LEAST_SCALE) ** rng.uniform();
    const moved = dimensions.map(({ size }, index) => Math.round((centre[index] ?? size) + scale * size * symmetric(rng)));
    const counts = sampler.repair(moved, rng);
    if (counts === undefined || taken.has(countsKey(counts))) continue;
    taken.add(countsKey(counts));
    points.push(counts);
  }
  return points;
}

/** Deviations of a moved count, as shares of the unpruned one. */
const LEAST_SCALE = 0.03;
const MOST_SCALE = 0.2;

/** Of mean 0 and deviation 1, bell-shaped: the sum of twelve uniform numbers. */
function symmetric(rng: Rng): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += rng.uniform();
  return sum;
}
