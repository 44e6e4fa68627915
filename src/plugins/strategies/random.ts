import { z } from 'zod';
import type { SearchProblem, StrategyRun } from '../../core/ports/strategy.js';
import { countsKey, type Counts } from '../../core/space/search-space.js';
import type { ObjectiveValues } from '../../core/statistics/pareto-fronts.js';
import { selectSpread } from '../../core/statistics/select-spread.js';
import { defineStrategy } from '../define.js';

const options = z.strictObject({
  batch: z.int().min(1).max(100_000).default(128).describe('Candidates predicted at a time.'),
});
type Options = z.output<typeof options>;

/**
 * Random search, as in the paper (arXiv 2309.09507): distinct random candidates within the budget are predicted, and
 * the best predicted ones are returned. If the space has fewer than requested, it ends when hardly any draw is new.
 */
export default defineStrategy({
  id: 'random',
  summary: 'Predicts many random candidates under the budget and keeps the best.',
  objectives: 'any',
  options,
  start: (problem, chosen) => startRun(problem, chosen),
});

function startRun({ sampler, rng, candidates, evaluated }: SearchProblem, { batch }: Options): StrategyRun {
  const drawn = new Set<string>();
  const known = new Set(evaluated.map(({ counts }) => countsKey(counts)));
  const told: { readonly counts: Counts; readonly values: ObjectiveValues }[] = [];
  let asked: Counts[] = [];
  return {
    ask: () => {
      asked = [];
      let misses = 0;
      // After n points and 10 n + 200 repeats in a row, the chance that a single point is missing is below e^-10.
      while (asked.length < batch && drawn.size < candidates && misses < 10 * drawn.size + 200) {
        const counts = sampler.sample(rng);
        if (counts === undefined) break;
        const key = countsKey(counts);
        if (drawn.has(key)) misses += 1;
        else {
          drawn.add(key);
          asked.push(counts);
          misses = 0;
        }
      }
      return asked;
    },
    tell: (predictions) => {
      asked.forEach((counts, index) =>
        told.push({ counts, values: predictions.map(({ mean }) => mean[index] ?? Number.POSITIVE_INFINITY) }),
      );
    },
    best: (count) => {
      const fresh = told.filter(({ counts }) => !known.has(countsKey(counts)));
      return selectSpread(
        fresh.map(({ values }) => values),
        count,
      ).map((index) => fresh[index]?.counts ?? []);
    },
  };
}
