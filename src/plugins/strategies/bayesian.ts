import { z } from 'zod';
import type { SearchProblem, StrategyRun } from '../../core/ports/strategy.js';
import { expectedImprovement } from '../../core/statistics/expected-improvement.js';
import { countsKey, toRates, type Counts } from '../../core/space/search-space.js';
import { defineStrategy } from '../define.js';
import { chooseBatch, type BelievedCandidate } from './bayesian/choose-batch.js';
import { breed } from './breeding/breed.js';
import { createAsking } from './breeding/create-asking.js';
import { listFounders } from './breeding/list-founders.js';

const options = z.strictObject({
  batch: z.int().min(1).max(100_000).default(256).describe('Candidates predicted at a time.'),
  population: z
    .int()
    .min(4)
    .max(10_000)
    .default(128)
    .describe('Candidates with the highest expected improvement that may have children.'),
  random_share: z.number().min(0).max(1).default(0.25).describe('Share of random candidates; the others are children.'),
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
});
type Options = z.output<typeof options>;

/**
 * Bayesian optimisation: random candidates, and children of those with the highest expected improvement, are predicted.
 * A batch is chosen one by one as if each chosen candidate had been measured at its prediction (the Kriging believer of
 * Ginsbourger, Le Riche and Carraro, 2010), so that the batch does not hold many near copies.
 *
 * The value to improve on is the best measured one within the budget; if there is none, the best predicted one. With a
 * predictor that gives no deviation, this is a search for the best mean.
 */
export default defineStrategy({
  id: 'bayesian',
  summary: 'Chooses candidates by expected improvement, good or uncertain ones, in varied batches.',
  objectives: 'one',
  options,
  start: (problem, chosen) => startRun(problem, chosen),
});

function startRun(
  problem: SearchProblem,
  { batch, population, random_share, crossover, waves, mutations }: Options,
): StrategyRun {
  const { space, sampler, evaluated, rng } = problem;
  const asking = createAsking(problem);
  const known = new Set(evaluated.map(({ counts }) => countsKey(counts)));
  const measured = evaluated.reduce(
    (best, { counts, values: [value = Number.NaN] }) => (value < best && sampler.isFeasible(counts) ? value : best),
    Number.POSITIVE_INFINITY,
  );
  const told: BelievedCandidate[] = [];
  let points: readonly Counts[] = [];
  const target = (): number =>
    measured < Number.POSITIVE_INFINITY
      ? measured
      : told.reduce((best, { mean }) => Math.min(best, mean), Number.POSITIVE_INFINITY);
  return {
    ask: () => {
      const parents = sortByImprovement(told, target())
        .slice(0, population)
        .map(({ counts }) => counts);
      points = asking.next({
        size: batch,
        first: () => listFounders(problem, Math.ceil(population / 4)),
        draw: (exhausted) =>
          parents.length < 2 || exhausted || rng.uniform() < random_share
            ? sampler.sample(rng)
            : breed(problem, parents, { crossover, waves, mutations }),
      });
      return points;
    },
    tell: ([{ mean, deviation }]) => {
      points.forEach((counts, index) =>
        told.push({
          counts,
          rates: toRates(space, counts),
          mean: mean[index] ?? Number.POSITIVE_INFINITY,
          deviation: deviation?.[index] ?? 0,
        }),
      );
    },
    best: (count) => {
      const fresh = sortByImprovement(
        told.filter(({ counts }) => !known.has(countsKey(counts))),
        target(),
      );
      return chooseBatch(fresh, { count, target: target() }).map(({ counts }) => counts);
    },
  };
}

/** The highest expected improvement first; among equals, the lowest mean first. */
function sortByImprovement(told: readonly BelievedCandidate[], target: number): BelievedCandidate[] {
  return told
    .map((candidate) => ({ candidate, improvement: expectedImprovement(candidate, target) }))
    .sort((a, b) => b.improvement - a.improvement || a.candidate.mean - b.candidate.mean)
    .map(({ candidate }) => candidate);
}
