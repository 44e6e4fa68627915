import { DIMENSION_KINDS, type Counts, type SearchSpace } from '../../core/space/search-space.js';
import { createBudgetSamplerGently, type BudgetSamplerOptions } from './budget-sampler.js';
import { drawDistinct } from './draw-distinct.js';
import type { Rng } from '../../core/random.js';

/**
 * Distinct points that keep a random part of the dimensions whole: of each kind a share that is drawn anew every few
 * points, from none to all. Plain draws hardly ever keep many dimensions whole, and what they never show a predictor has to
 * extrapolate. Fewer where so much cannot be kept; the keys are added to `taken`.
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
