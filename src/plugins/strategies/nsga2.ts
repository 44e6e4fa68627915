import { z } from 'zod';
import type { SearchProblem, StrategyRun } from '../../core/ports/strategy.js';
import { countsKey, type Counts } from '../../core/space/search-space.js';
import { sortIntoFronts, type ObjectiveValues } from '../../core/statistics/pareto-fronts.js';
import { selectSpread, sortByCrowding } from '../../core/statistics/select-spread.js';
import { defineStrategy } from '../define.js';
import { breed } from './breeding/breed.js';
import { createAsking } from './breeding/create-asking.js';
import { listFounders } from './breeding/list-founders.js';

const options = z.strictObject({
  population: z.int().min(4).max(10_000).default(128).describe('Candidates that may have children.'),
  children: z.int().min(1).max(100_000).default(128).describe('Candidates predicted at a time.'),
  crossover: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Share of the children that mix two parents; the others change one.'),
  waves: z
    .number()
    .min(0)
    .max(1)
    .default(0)
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
 * NSGA-II (Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002) on
 * predictions: parents and children together are sorted into fronts, and the first fronts survive; of the front that no
 * longer fits as a whole, the least crowded points do. Parents win a tournament of two: the better front, then the less
 * crowded point.
 *
 * Children are made as those of `evolutionary` and repaired to fit the budgets: all are feasible by construction.
 */
export default defineStrategy({
  id: 'nsga2',
  summary: 'Breeds the Pareto front of several objectives.',
  objectives: 'any',
  options,
  start: (problem, chosen) => startRun(problem, chosen),
});

interface RankedPoint {
  readonly counts: Counts;
  readonly values: ObjectiveValues;
}

function startRun(problem: SearchProblem, { population, children, crossover, waves, mutations }: Options): StrategyRun {
  const { evaluated, rng } = problem;
  const asking = createAsking(problem);
  const known = new Set(evaluated.map(({ counts }) => countsKey(counts)));
  let told: readonly RankedPoint[] = [];
  let survivors: readonly RankedPoint[] = [];
  let generation: readonly Counts[] = [];
  return {
    ask: () => {
      const parents = sortForTournament(survivors);
      generation = asking.next({
        size: children,
        first: () => listFounders(problem, Math.ceil(population / 4)),
        draw: (exhausted) =>
          parents.length < 2 || exhausted
            ? problem.sampler.sample(rng)
            : breed(problem, parents, { crossover, waves, mutations }),
      });
      return generation;
    },
    tell: (predictions) => {
      const offspring = generation.map((counts, index) => ({
        counts,
        values: predictions.map(({ mean }) => mean[index] ?? Number.POSITIVE_INFINITY),
      }));
      told = [...told, ...offspring];
      // Sorting takes the square of their number; this many block for no longer than a prediction does.
      if (told.length > 2 * MOST_KEPT) told = choose(told, MOST_KEPT);
      survivors = choose([...survivors, ...offspring], population);
    },
    best: (count) =>
      choose(
        told.filter(({ counts }) => !known.has(countsKey(counts))),
        count,
      ).map(({ counts }) => counts),
  };
}

/** More than the finalists of any study. */
const MOST_KEPT = 1024;

function choose(points: readonly RankedPoint[], count: number): RankedPoint[] {
  return selectSpread(
    points.map(({ values }) => values),
    count,
  ).flatMap((index) => points[index] ?? []);
}

/** Front by front, the least crowded of each first. */
function sortForTournament(points: readonly RankedPoint[]): Counts[] {
  const values = points.map((point) => point.values);
  return sortIntoFronts(values)
    .flatMap((front) => sortByCrowding(values, front))
    .map((index) => points[index]?.counts ?? []);
}
