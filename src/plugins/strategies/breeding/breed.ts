import type { SearchProblem } from '../../../core/ports/strategy.js';
import { drawWaves } from '../../../core/space/draw-waves.js';
import type { Counts, Dimension, SearchSpace } from '../../../core/space/search-space.js';
import { nearestIndex } from './nearest-index.js';
import type { Rng } from '../../../core/random.js';

export interface BreedingRates {
  /** Share of the children that mix two parents; the others change one. */
  readonly crossover: number;
  /**
   * Share of the children that are smooth over depth: blends of two parents, or one changed by waves. The others take
   * whole layers from either parent, or change in a few dimensions.
   */
  readonly waves: number;
  /** Most dimensions that a changed child changes, not counting those changed to stay within the budget. */
  readonly mutations: number;
}

/** A feasible child of the parents, which are sorted best first: mixed or changed, then repaired to fit the budget. */
export function breed(
  { space, sampler, rng }: SearchProblem,
  parents: readonly Counts[],
  { crossover, waves, mutations }: BreedingRates,
): Counts | undefined {
  const parent = choose(parents, rng);
  return sampler.repair(change(), rng);

  function change(): Counts {
    const isSmooth = rng.uniform() < waves;
    if (rng.uniform() < crossover) return (isSmooth ? blend : mix)(parent, choose(parents, rng), space.dimensions, rng);
    return isSmooth ? bend(parent, space, rng) : mutate(parent, space.dimensions, 1 + rng.integer(mutations), rng);
  }
}

/** The better of two random parents. */
function choose(parents: readonly Counts[], rng: Rng): Counts {
  return parents[Math.min(rng.integer(parents.length), rng.integer(parents.length))] ?? [];
}

/** Takes whole layers from either parent, so that heads and channels that fit together stay together. */
function mix(a: Counts, b: Counts, dimensions: readonly Dimension[], rng: Rng): Counts {
  const fromA = new Map<number, boolean>();
  return dimensions.map(({ layers, size }, index) => {
    const layer = layers[0] ?? 0;
    if (!fromA.has(layer)) fromA.set(layer, rng.uniform() < 0.5);
    return (fromA.get(layer) === true ? a : b)[index] ?? size;
  });
}

/** A point between two parents, at the same share of the way in every dimension. */
function blend(a: Counts, b: Counts, dimensions: readonly Dimension[], rng: Rng): Counts {
  const share = rng.uniform();
  return dimensions.map(({ size }, index) => Math.round(share * (a[index] ?? size) + (1 - share) * (b[index] ?? size)));
}

/** Changes layers together, by waves over depth, mostly a little. */
function bend(counts: Counts, space: SearchSpace, rng: Rng): Counts {
  const waves = drawWaves(space, rng);
  const scale = 0.1 * rng.uniform() ** 2;
  return space.dimensions.map(({ size }, index) =>
    Math.round((counts[index] ?? size) + scale * size * (waves[index] ?? 0)),
  );
}

/** Gives a few dimensions another count: half of the time one near the old count, otherwise any other. */
function mutate(counts: Counts, dimensions: readonly Dimension[], changes: number, rng: Rng): Counts {
  const child = [...counts];
  for (let change = 0; change < changes; change++) {
    const index = rng.integer(dimensions.length);
    const allowed = dimensions[index]?.counts ?? [];
    const reach = rng.uniform() < 0.5 ? Math.max(1, Math.round(0.1 * allowed.length)) : allowed.length;
    const now = nearestIndex(allowed, child[index] ?? 0);
    const next = now + (rng.uniform() < 0.5 ? -1 : 1) * (1 + rng.integer(reach));
    child[index] = allowed[Math.min(allowed.length - 1, Math.max(0, next))] ?? child[index] ?? 0;
  }
  return child;
}
