import type { CandidateSampler } from '../../core/ports/strategy.js';
import type { Rng } from '../../core/random.js';
import { drawWaves } from '../../core/space/draw-waves.js';
import { countsKey, DIMENSION_KINDS, type Counts, type SearchSpace } from '../../core/space/search-space.js';
import { createBudgetSamplerGently, type BudgetSamplerOptions } from './budget-sampler.js';

/**
 * Up to `count` distinct points that `taken` does not hold; fewer if so many draws in a row gave nothing new that
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

/**
 * Distinct points around one. It is changed by random waves over depth, by a scale that is drawn for each point, and
 * brought back into the sampler's band. Fewer points if hardly any is left; their keys are added to `taken`.
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

/**
 * Distinct points that keep a random part of the dimensions whole: of each kind a share from none to all, drawn again
 * every few points. Plain draws hardly ever keep many dimensions whole, so a predictor would have to extrapolate to
 * such points. Fewer points if so much cannot be kept; their keys are added to `taken`.
 */
export async function drawSparse(
  { space, ...bands }: Pick<BudgetSamplerOptions, 'space' | 'band' | 'also' | 'parts'>,
  count: number,
  rng: Rng,
  taken: Set<string>,
  breathe: () => Promise<void>,
): Promise<Counts[]> {
  const points: Counts[] = [];
  for (let tries = 0; points.length < count && tries < 2 * count; tries++) {
    const sampler = await createBudgetSamplerGently({ space: keepWhole(space, rng), ...bands }, breathe);
    if (!sampler.isEmpty)
      points.push(...drawDistinct(sampler, Math.min(POINTS_A_SHARE, count - points.length), rng, taken));
  }
  return points;
}

/** Points drawn with the same dimensions whole. */
const POINTS_A_SHARE = 3;

function keepWhole(space: SearchSpace, rng: Rng): SearchSpace {
  const shares = new Map(DIMENSION_KINDS.map((kind) => [kind, rng.uniform()]));
  return {
    ...space,
    dimensions: space.dimensions.map((dimension) => {
      const most = dimension.counts.at(-1);
      return most !== undefined && rng.uniform() < (shares.get(dimension.kind) ?? 0)
        ? { ...dimension, counts: [most] }
        : dimension;
    }),
  };
}
