import { z } from 'zod';
import type { SearchProblem, StrategyRun } from '../../core/ports/strategy.js';
import { countsKey, type Counts } from '../../core/space/search-space.js';
import { defineStrategy } from '../api.js';
import { breed } from './breeding/breed.js';
import { createAsking } from './breeding/create-asking.js';
import { listFounders } from './breeding/list-founders.js';

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
  objectives: 'one',
  options,
  start: (problem, chosen) => startRun(problem, chosen),
});

function startRun(problem: SearchProblem, { population, children, crossover, mutations }: Options): StrategyRun {
  const { evaluated, rng } = problem;
  const asking = createAsking(problem);
  const known = new Set(evaluated.map(({ counts }) => countsKey(counts)));
  let ranked: { readonly counts: Counts; readonly predicted: number }[] = [];
  let generation: readonly Counts[] = [];
  return {
    ask: () => {
      const parents = ranked.slice(0, population).map(({ counts }) => counts);
      generation = asking.next({
        size: children,
        first: () => listFounders(problem, Math.ceil(population / 4)),
        draw: (exhausted) => (parents.length < 2 || exhausted ? problem.sampler.sample(rng) : breed(problem, parents, { crossover, mutations })),
      });
      return generation;
    },
    tell: ([{ mean }]) => {
      const told = generation.map((counts, index) => ({ counts, predicted: mean[index] ?? Number.POSITIVE_INFINITY }));
      ranked = [...ranked, ...told].sort((a, b) => a.predicted - b.predicted);
    },
    best: (count) => ranked.map(({ counts }) => counts).filter((counts) => !known.has(countsKey(counts))).slice(0, count),
  };
}
