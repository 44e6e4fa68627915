import type { CandidateSampler } from '../../core/ports/strategy.js';
import { drawWaves } from '../../core/space/draw-waves.js';
import { countsKey, type Counts, type SearchSpace } from '../../core/space/search-space.js';
import type { Rng } from '../../core/random.js';

/**
 * Distinct points around one: it is changed by random waves over depth, little or much by a scale that is drawn for each
 * point, and brought back into the sampler's band. Fewer where hardly any is left; keys are added to `taken`.
 */
export function drawNear(
  space: SearchSpace,
  sampler: CandidateSampler,
  centre: Counts,
  count: number,
  rng: Rng,
  taken: Set<string>,
): Counts[] {
  const points: Counts[] = [];
  for (let tries = 0; points.length < count && tries < 20 * count; tries++) {
    const scale = LEAST_SCALE * (MOST_SCALE / LEAST_SCALE) ** rng.uniform();
    const waves = drawWaves(space, rng);
    const moved = space.dimensions.map(({ size }, index) =>
      Math.round((centre[index] ?? size) + scale * size * (waves[index] ?? 0)),
    );
    const counts = sampler.repair(moved, rng);
    if (counts === undefined || taken.has(countsKey(counts))) continue;
    taken.add(countsKey(counts));
    points.push(counts);
  }
  return points;
}

/** Mean changes of a count, as shares of the unpruned one. */
const LEAST_SCALE = 0.03;
const MOST_SCALE = 0.15;
