import { z } from 'zod';
import type { Rng } from '../../core/ports/rng.js';
import type { RankedCandidate, SearchProblem, StrategyRun } from '../../core/ports/strategy.js';
import { countsKey, type Counts, type Dimension } from '../../core/space/search-space.js';
import { defineStrategy } from '../api.js';

const options = z.strictObject({
  population: z.int().min(4).max(10_000).default(128).describe('Candidates that may have children.'),
  children: z.int().min(1).max(100_000).default(256).describe('Candidates predicted at a time.'),
  crossover: z.number().min(0).max(1).default(0.3).describe('Share of the children that mix two parents; the others change one.'),
  mutations: z.int().min(1).max(1_000).default(2).describe('Most dimensions that a child changes, besides those that pay for it.'),
});
type Options = z.output<typeof options>;

/**
 * Evolutionary search on predictions: the best predicted candidates have children that move budget between dimensions. A
 * changed or mixed child is repaired onto the budget, so that all are feasible by construction.
 *
 * The first generation holds random candidates, the best evaluated pairs, and level ones: one key-value count and one rate
 * of the channels everywhere. Random draws alone hardly ever keep all heads of all layers, which is often best.
 */
export default defineStrategy({
  id: 'evolutionary',
  summary: 'Breeds candidates: the best predicted ones move budget between dimensions, generation by generation.',
  options,
  start: (problem, chosen) => startRun(problem, chosen),
});

function startRun(problem: SearchProblem, { population, children, crossover, mutations }: Options): StrategyRun {
  const { candidates, evaluated, rng } = problem;
  const asked = new Set<string>();
  const known = new Set(evaluated.map(({ counts }) => countsKey(counts)));
  let ranked: RankedCandidate[] = [];
  let generation: Counts[] = [];
  const add = (counts: Counts | undefined): boolean => {
    if (counts === undefined || asked.size >= candidates) return false;
    const key = countsKey(counts);
    if (asked.has(key)) return false;
    asked.add(key);
    generation.push(counts);
    return true;
  };
  return {
    ask: () => {
      generation = [];
      if (asked.size === 0) for (const counts of listFounders(problem, population)) add(counts);
      let misses = 0;
      // A run of this many children that were asked about before: the neighbourhood is exhausted.
      while (generation.length < children && asked.size < candidates && misses < 20 * children) {
        const parents = ranked.slice(0, population);
        if (!add(parents.length < 2 ? problem.sampler.sample(rng) : breed(problem, parents, { crossover, mutations }))) misses += 1;
      }
      return generation;
    },
    tell: ({ mean }) => {
      const told = generation.map((counts, index) => ({ counts, predicted: mean[index] ?? Number.POSITIVE_INFINITY }));
      ranked = [...ranked, ...told].sort((a, b) => a.predicted - b.predicted);
    },
    best: (count) => ranked.filter(({ counts }) => !known.has(countsKey(counts))).slice(0, count),
  };
}

function breed({ space, sampler, rng }: SearchProblem, parents: readonly RankedCandidate[], { crossover, mutations }: Pick<Options, 'crossover' | 'mutations'>): Counts | undefined {
  const parent = choose(parents, rng);
  const child = rng.uniform() < crossover
    ? mix(parent, choose(parents, rng), space.dimensions, rng)
    : mutate(parent, space.dimensions, 1 + rng.integer(mutations), rng);
  return sampler.repair(child, rng);
}

/** The better of two random parents. */
function choose(parents: readonly RankedCandidate[], rng: Rng): Counts {
  // The parents are sorted: the lower index is the better one.
  const place = Math.min(rng.integer(parents.length), rng.integer(parents.length));
  return parents[place]?.counts ?? [];
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

function listFounders(problem: SearchProblem, population: number): Counts[] {
  const best = problem.evaluated
    .toSorted((a, b) => a.value - b.value)
    .slice(0, Math.ceil(population / 4))
    .map(({ counts }) => problem.sampler.repair(counts, problem.rng));
  return [...listLevelPoints(problem), ...best].filter((counts) => counts !== undefined);
}

/** Rates tried for the channels of a level point: finer than the half per cent of the budget that may stay unspent. */
const LEVEL_STEPS = 512;

/** For each key-value count the first level point on the budget, its channels cut by one rate. */
function listLevelPoints({ space, sampler }: SearchProblem): Counts[] {
  const levels = new Set(space.dimensions.flatMap(({ kind, counts }) => (kind === 'kv_heads' ? counts : [])));
  return [...(levels.size === 0 ? [0] : levels)].flatMap((level) => {
    for (let step = 0; step <= LEVEL_STEPS; step++) {
      const counts = space.dimensions.map(({ kind, counts: allowed, size }) =>
        allowed[nearestIndex(allowed, kind === 'kv_heads' ? level : size * (1 - step / LEVEL_STEPS))] ?? size);
      if (sampler.isFeasible(counts)) return [counts];
    }
    return [];
  });
}

/** Index of the nearest of some ascending counts. */
function nearestIndex(allowed: readonly number[], count: number): number {
  return allowed.reduce((nearest, value, index) => (Math.abs(value - count) < Math.abs((allowed[nearest] ?? 0) - count) ? index : nearest), 0);
}
