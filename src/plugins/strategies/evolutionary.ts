import { z } from 'zod';
import type { SearchProblem, StrategyRun } from '../../core/ports/strategy.js';
import { countsKey, distinctPoints, type Counts } from '../../core/space/search-space.js';
import { defineStrategy } from '../define.js';
import { breed } from './breeding/breed.js';
import { createRings } from './breeding/create-rings.js';
import { createAsking } from './breeding/create-asking.js';
import { listFounders } from './breeding/list-founders.js';

const options = z.strictObject({
  population: z.int().min(4).max(10_000).default(128).describe('Candidates that may have children.'),
  children: z.int().min(1).max(100_000).default(256).describe('Candidates predicted at a time.'),
  crossover: z
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe('Share of the children that mix two parents; the others change one.'),
  waves: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      'Share of the children that are smooth over depth: blends of two candidates, or one candidate changed by waves. The others take whole layers from either parent, or change in a few dimensions.',
    ),
  mutations: z
    .int()
    .min(1)
    .max(1_000)
    .default(2)
    .describe('Most dimensions that such a child changes, not counting those changed to stay within the budget.'),
  radii: z
    .array(z.number().positive().max(1))
    .min(1)
    .max(16)
    .default([0.03, 0.06, 1])
    .describe(
      'How far proposed candidates may be from the best measured one, as mean differences of rates; the same number is proposed within each radius.',
    ),
});
type Options = z.output<typeof options>;

/**
 * Evolutionary search on predictions: the best predicted candidates have children that move budget between dimensions.
 * Children are repaired to fit the budget, so all are feasible by construction.
 *
 * The first generation holds random candidates, the best evaluated pairs, and level ones: the same key-value count and
 * the same channel rate everywhere. Random draws hardly ever keep all heads of all layers, which is often best.
 *
 * The best predicted candidate is also the one that the predictor overrates most, more so with fewer pairs per
 * dimension and at a larger distance from them. So candidates are also bred and proposed within distances of the best
 * measured one: near it, predictions promise less but hold better (the trust regions of Eriksson et al., "TuRBO",
 * NeurIPS 2019).
 *
 * How much a layer can lose depends on its depth, and predictors overrate candidates most whose layers change one by
 * one. So children are blends of two parents, or change by waves over depth.
 */
export default defineStrategy({
  id: 'evolutionary',
  summary:
    'Breeds candidates from the best predicted ones, generation by generation, moving budget between dimensions.',
  objectives: 'one',
  options,
  start: (problem, chosen) => startRun(problem, chosen),
});

function startRun(
  problem: SearchProblem,
  { population, children, crossover, waves, mutations, radii }: Options,
): StrategyRun {
  const { evaluated, rng } = problem;
  const asking = createAsking(problem);
  const known = new Set(evaluated.map(({ counts }) => countsKey(counts)));
  const rings = createRings(problem, radii);
  const breeders = Math.ceil(population / rings.count);
  let generation: readonly Counts[] = [];
  return {
    ask: () => {
      const parents = rings.best(breeders);
      generation = asking.next({
        size: children,
        first: () => listFounders(problem, Math.ceil(population / 4)),
        draw: (exhausted) => {
          const among = parents[parents.length > 1 ? rng.integer(parents.length) : 0] ?? [];
          return among.length < 2 || exhausted
            ? problem.sampler.sample(rng)
            : breed(problem, among, { crossover, waves, mutations });
        },
      });
      return generation;
    },
    tell: ([{ mean }]) =>
      rings.add(generation.map((counts, index) => ({ counts, predicted: mean[index] ?? Number.POSITIVE_INFINITY }))),
    best: (count) =>
      interleave(rings.best(count + known.size))
        .filter((counts) => !known.has(countsKey(counts)))
        .slice(0, count),
  };
}

/** The first of each list, then the second of each, and so on; without repetition. */
function interleave(lists: readonly (readonly Counts[])[]): Counts[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  const mixed = Array.from({ length: longest }, (_, place) =>
    lists.flatMap((list) => (place < list.length ? [list[place] ?? []] : [])),
  ).flat();
  return distinctPoints(mixed);
}
