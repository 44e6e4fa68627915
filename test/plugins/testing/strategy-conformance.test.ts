import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { SearchProblem, Strategy, StrategyRun } from '../../../src/core/ports/strategy.js';
import { createRng } from '../../../src/core/random.js';
import { countsKey, type Counts } from '../../../src/core/space/search-space.js';
import { defineStrategy } from '../../../src/plugins/define.js';
import { listStrategyChecks } from '../../../src/plugins/testing/strategy-conformance.js';
import { failuresOf } from './failures-of.js';

/** Draws distinct points, one batch of 200 at a time. */
const honest = defineStrategy({
  id: 'honest',
  summary: 'Random points.',
  objectives: 'one',
  options: z.strictObject({}),
  start: (problem) => drawPoints(problem),
});

function drawPoints({ sampler, rng, candidates, evaluated }: SearchProblem): StrategyRun {
  const known = new Set(evaluated.map(({ counts }) => countsKey(counts)));
  const drawn = new Map<string, Counts>();
  const told: { readonly counts: Counts; readonly value: number }[] = [];
  let asked: Counts[] = [];
  return {
    ask: () => {
      asked = [];
      for (let misses = 0; asked.length < 200 && drawn.size < candidates && misses < 2000; misses++) {
        const counts = sampler.sample(rng);
        if (counts === undefined || drawn.has(countsKey(counts))) continue;
        drawn.set(countsKey(counts), counts);
        asked.push(counts);
        misses = 0;
      }
      return asked;
    },
    tell: ([{ mean }]) => asked.forEach((counts, index) => told.push({ counts, value: mean[index] ?? Number.NaN })),
    best: (count) =>
      told
        .filter(({ counts }) => !known.has(countsKey(counts)))
        .sort((a, b) => a.value - b.value)
        .slice(0, count)
        .map(({ counts }) => counts),
  };
}

const changed = (change: (run: StrategyRun, problem: SearchProblem) => Partial<StrategyRun>): Partial<Strategy> => ({
  start: (problem) => {
    const run = drawPoints(problem);
    return { ...run, ...change(run, problem) };
  },
});

describe('listStrategyChecks', () => {
  it('passes a strategy that is well written', async () => {
    expect(await failuresOf(listStrategyChecks(honest))).toEqual([]);
  });

  it.each<[string, Partial<Strategy>, RegExp]>([
    [
      'asks for more than it may',
      { start: (problem) => drawPoints({ ...problem, candidates: problem.candidates + 1 }) },
      /it asks about 601 points, and may about 600/,
    ],
    [
      'asks for a point twice',
      changed((run) => ({
        ask: () =>
          run
            .ask()
            .flatMap((point) => [point, point])
            .slice(0, 200),
      })),
      /it asks about \[.*\] twice/,
    ],
    [
      'leaves the budget',
      changed((run, { space }) => ({
        best: (count) => [space.dimensions.map(({ size }) => size), ...run.best(count)].slice(0, count),
      })),
      /it proposes \[4,12,4,12,4,12\], which does not meet the budget/,
    ],
    [
      'proposes what is known',
      changed((run, { evaluated: [known] }) => ({
        best: (count) => (known === undefined ? run.best(count) : [known.counts]),
      })),
      /it proposes \[.*\], which was evaluated before/,
    ],
    [
      'proposes the worst first',
      changed((run) => ({ best: (count) => run.best(count).toReversed() })),
      /are not sorted/,
    ],
    [
      'never ends',
      changed((_run, { sampler, rng }) => ({
        ask: () => [sampler.sample(rng)].flatMap((point) => (point ? [point] : [])),
        tell: () => {},
      })),
      /it asks about 601 points/,
    ],
    [
      'takes chance without the seed',
      { start: (problem) => drawPoints({ ...problem, rng: createRng(Math.floor(Math.random() * 1e9)) }) },
      /asks and proposes the same for the same seed/,
    ],
    [
      'says that it takes several objectives',
      { objectives: 'any' },
      /proposes points of the front of two objectives: .* was predicted of another/,
    ],
  ])('finds out one that %s', async (_, fault, message) => {
    expect((await failuresOf(listStrategyChecks({ ...honest, ...fault } as Strategy))).join('\n')).toMatch(message);
  });
});
