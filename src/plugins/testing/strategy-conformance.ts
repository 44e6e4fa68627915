import { deepStrictEqual, ok } from 'node:assert/strict';
import type { DeferredRun, ObjectivePredictions, SearchProblem, Strategy } from '../../core/ports/strategy.js';
import { countsKey, type Counts } from '../../core/space/search-space.js';
import { dominates } from '../../core/statistics/pareto-fronts.js';
import { guardStrategy } from '../../plugin-host/guards/guard-strategy.js';
import {
  completeOptions,
  listManifestChecks,
  selectChecks,
  type ConformanceCheck,
  type ConformanceSettings,
} from './conformance-check.js';
import { makeUpProblem, otherValueOf, valueOf } from './made-up-problem.js';

/**
 * The conformance kit for strategies, for any test runner:
 *
 * ```ts
 * describe('my-strategy', () => {
 *   for (const { name, run } of listStrategyChecks(myStrategy)) it(name, run);
 * });
 * ```
 *
 * The space is made up: some thousand points within a budget, and a smooth law in place of a predictor.
 */
export function listStrategyChecks<Options>(
  strategy: Strategy<Options>,
  settings: ConformanceSettings = {},
): readonly ConformanceCheck[] {
  const guarded = guardStrategy(strategy as Strategy, { limitMs: undefined });
  const search = async (problem: SearchProblem, predict: Predict = predictOne): Promise<Searched> =>
    runToEnd(await guarded.start(problem, completeOptions(strategy.options, settings)), problem, predict);
  return selectChecks([
    ...listManifestChecks(strategy, settings),
    {
      name: 'asks about distinct points that meet the budget, at most as many as it may, and comes to an end',
      run: async () => {
        for (const evaluated of [0, 12]) {
          const problem = makeUpProblem({ candidates: CANDIDATES, evaluated });
          const { asked } = await search(problem);
          ok(asked.length > 0, 'it asks about no point at all');
          ok(asked.length <= CANDIDATES, `it asks about ${asked.length} points, and may about ${CANDIDATES}`);
          requireDistinct(asked, 'it asks about');
          requireFeasible(asked, problem, 'it asks about');
        }
      },
    },
    {
      name: 'proposes distinct points that meet the budget and were not evaluated, at most as many as are wanted',
      run: async () => {
        const problem = makeUpProblem({ candidates: CANDIDATES, evaluated: 12 });
        const { run } = await search(problem);
        const known = new Set(problem.evaluated.map(({ counts }) => countsKey(counts)));
        for (const count of [1, 8, 32]) {
          const best = await run.best(count);
          ok(best.length > 0 && best.length <= count, `${best.length} points, where ${count} were wanted`);
          requireDistinct(best, 'it proposes');
          requireFeasible(best, problem, 'it proposes');
          const old = best.find((counts) => known.has(countsKey(counts)));
          ok(old === undefined, `it proposes [${String(old)}], which was evaluated before`);
        }
      },
    },
    {
      name: 'proposes the best first: without evaluated points and deviations, by what was predicted',
      run: async () => {
        const { run, asked } = await search(makeUpProblem({ candidates: CANDIDATES }));
        const values = (await run.best(8)).map(valueOf);
        const sorted = values.toSorted((a, b) => a - b);
        deepStrictEqual(values, sorted, 'the points that it proposes are not sorted');
        const least = Math.min(...asked.map(valueOf));
        ok(
          (values[0] ?? Number.NaN) <= least,
          `the best that it proposes is ${values[0]}, and it was told of ${least}`,
        );
      },
    },
    {
      name: 'asks and proposes the same for the same seed',
      run: async () => {
        const seeded = { candidates: 200, evaluated: 12, seed: 5 };
        const first = await search(makeUpProblem(seeded));
        const second = await search(makeUpProblem(seeded));
        deepStrictEqual(second.asked, first.asked, 'it asks about other points');
        deepStrictEqual(await second.run.best(16), await first.run.best(16), 'it proposes other points');
      },
    },
    {
      name: 'comes to an end in a space of a few points, and finds the best of them',
      run: async () => {
        const problem = makeUpProblem({ candidates: 100_000, most: FEW });
        const { run, asked } = await search(problem);
        requireDistinct(asked, 'it asks about');
        requireFeasible(asked, problem, 'it asks about');
        const [best] = await run.best(1);
        const least = Math.min(...problem.feasible.map(valueOf));
        ok(
          best !== undefined && valueOf(best) <= least,
          `it finds ${best && valueOf(best)}, and the best of all ${problem.feasible.length} points has ${least}`,
        );
      },
    },
    {
      name: 'asks about nothing and proposes nothing if no point meets the budget',
      run: async () => {
        const { run, asked } = await search(makeUpProblem({ candidates: CANDIDATES, most: 0.1 }));
        deepStrictEqual(asked, []);
        deepStrictEqual(await run.best(4), []);
      },
    },
    {
      name: 'goes by predictions with deviations too',
      run: async () => {
        const problem = makeUpProblem({ candidates: CANDIDATES, evaluated: 12 });
        const { run } = await search(problem, (points) => [
          { mean: Float64Array.from(points, valueOf), deviation: new Float64Array(points.length).fill(0.1) },
        ]);
        requireFeasible(await run.best(8), problem, 'it proposes');
      },
    },
    {
      when: strategy.objectives === 'any',
      name: 'proposes points of the front of two objectives',
      run: async () => {
        const { run, asked } = await search(makeUpProblem({ candidates: CANDIDATES }), (points) => [
          { mean: Float64Array.from(points, valueOf) },
          { mean: Float64Array.from(points, otherValueOf) },
        ]);
        const told = asked.map(bothValuesOf);
        const front = told.filter((values) => !told.some((other) => dominates(other, values)));
        const best = await run.best(Math.min(16, front.length));
        ok(best.length > 0, 'it proposes nothing');
        for (const counts of best) {
          const better = told.find((other) => dominates(other, bothValuesOf(counts)));
          ok(
            better === undefined,
            `it proposes [${counts.join(', ')}] with ${bothValuesOf(counts).join(' and ')}, where ${better?.join(' and ')} was predicted of another`,
          );
        }
      },
    },
    {
      name: 'leaves the evaluated points as they were',
      run: async () => {
        const problem = makeUpProblem({ candidates: 100, evaluated: 12 });
        await search(problem);
        deepStrictEqual(problem.evaluated, makeUpProblem({ candidates: 100, evaluated: 12 }).evaluated);
      },
    },
  ]);
}

const CANDIDATES = 600;
const bothValuesOf = (counts: Counts): [number, number] => [valueOf(counts), otherValueOf(counts)];

/** Of the whole cost, so that 10 to 100 points of the space meet the budget. */
const FEW = 0.56;
/** More asks than this are no end. */
const MOST_ASKS = 20_000;

type Predict = (points: readonly Counts[]) => ObjectivePredictions;

interface Searched {
  readonly run: DeferredRun;
  readonly asked: readonly Counts[];
}

const predictOne: Predict = (points) => [{ mean: Float64Array.from(points, valueOf) }];

async function runToEnd(run: DeferredRun, { candidates }: SearchProblem, predict: Predict): Promise<Searched> {
  const asked: Counts[] = [];
  for (let asks = 0; asks < MOST_ASKS; asks++) {
    const points = await run.ask();
    if (points.length === 0) return { run, asked };
    asked.push(...points);
    ok(asked.length <= candidates, `it asks about ${asked.length} points, and may about ${candidates}`);
    await run.tell(predict(points));
  }
  throw new Error(`has not come to an end after ${MOST_ASKS} asks`);
}

function requireDistinct(points: readonly Counts[], what: string): void {
  const keys = new Set<string>();
  for (const counts of points) {
    ok(!keys.has(countsKey(counts)), `${what} [${counts.join(', ')}] twice`);
    keys.add(countsKey(counts));
  }
}

function requireFeasible(points: readonly Counts[], { sampler }: SearchProblem, what: string): void {
  const bad = points.find((counts) => !sampler.isFeasible(counts));
  ok(bad === undefined, `${what} [${String(bad)}], which does not meet the budget or lies outside of the space`);
}
