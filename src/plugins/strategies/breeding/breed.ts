import type { Rng } from '../../../core/ports/rng.js';
import type { SearchProblem } from '../../../core/ports/strategy.js';
import type { Counts, Dimension } from '../../../core/space/search-space.js';
import { nearestIndex } from './nearest-index.js';

export interface BreedingRates {
  /** Share of the children that mix two parents; the others change one. */
  readonly crossover: number;
  /** Most dimensions that a changed child changes, besides those that pay for it. */
  readonly mutations: number;
}

/** A feasible child of some parents, the best first: changed or mixed, then repaired onto the budget. */
export function breed({ space, sampler, rng }: SearchProblem, parents: readonly Counts[], { crossover, mutations }: BreedingRates): Counts | undefined {
  const parent = choose(parents, rng);
  const child = rng.uniform() < crossover
    ? mix(parent, choose(parents, rng), space.dimensions, rng)
    : mutate(parent, space.dimensions, 1 + rng.integer(mutations), rng);
  return sampler.repair(child, rng);
}

/** The better of two random parents. */
function choose(parents: readonly Counts[], rng: Rng): Counts {
  return parents[Math.min(rng.integer(parents.length), rng.integer(parents.length))] ?? [];
}

/** Whole layers from either parent, so that heads and channels that suit each other stay together. */
function mix(a: Counts, b: Counts, dimensions: readonly Dimension[], rng: Rng): Counts {
  const fromA = new Map<number, boolean>();
  return dimensions.map(({ layers, size }, index) => {
    const layer = layers[0] ?? 0;
    if (!fromA.has(layer)) fromA.set(layer, rng.uniform() < 0.5);
    return (fromA.get(layer) === true ? a : b)[index] ?? size;
  });
}

/** A few dimensions take another count: near the old one half of the time, any other half of the time. */
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
