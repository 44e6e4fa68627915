import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { EncodingBatch } from '../../../../src/core/pairs.js';
import type { SearchProblem, Strategy } from '../../../../src/core/ports/strategy.js';
import { createRng } from '../../../../src/core/random.js';
import { denseCounts, type Counts } from '../../../../src/core/space/search-space.js';
import { proposeCandidates } from '../../../../src/search/phases/search/propose-candidates.js';
import { createPlan } from '../../fake-study.js';

const plan = createPlan({ candidates: 50 });
const dense = denseCounts(plan.space);

/** A strategy that asks for a random candidate and then proposes what it likes. */
function proposing(
  best: (problem: SearchProblem, count: number) => readonly Counts[],
  ask?: (problem: SearchProblem) => readonly Counts[],
): Strategy {
  return {
    kind: 'strategy',
    apiVersion: 1,
    id: 'hostile',
    summary: '',
    objectives: 'any',
    options: z.strictObject({}),
    start: (problem) => {
      const draws = [problem.sampler.sample(problem.rng) ?? []];
      return {
        ask: () => ask?.(problem) ?? draws.splice(0),
        tell: () => undefined,
        best: (count) => best(problem, count),
      };
    },
  };
}

const draw = ({ sampler, rng }: SearchProblem): Counts => sampler.sample(rng) ?? [];

async function propose(strategy: Strategy) {
  const predicted: number[] = [];
  const event = await proposeCandidates(
    plan,
    {
      space: plan.space,
      budgets: plan.budgets,
      candidates: plan.candidates,
      finalists: 4,
      evaluated: [],
      verified: [],
      strategy,
      strategyOptions: {},
      predict: ({ rates, columns }: EncodingBatch) => {
        predicted.push(rates.length / columns);
        return Promise.resolve({ perplexity: { mean: new Float64Array(rates.length / columns).fill(1.5) } });
      },
      rng: createRng(1),
      signal: new AbortController().signal,
    },
    () => Promise.resolve(),
  );
  return { ...event, predicted, batches: predicted.length };
}

describe('proposeCandidates', () => {
  it('refuses a strategy whose best is over the budget, instead of letting it win', async () => {
    const [budget] = plan.budgets;
    await expect(propose(proposing(() => [dense]))).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: expect.stringContaining(`the budget allows ${budget?.limit}`),
      metadata: { kind: 'strategy', id: 'hostile', method: 'best' },
    });
  });

  it('refuses what is not a point of the space, though it costs little', async () => {
    for (const spoil of [
      (counts: Counts) => counts.slice(1),
      (counts: Counts) => counts.with(0, -1),
      (counts: Counts) => counts.with(1, 0.5),
      (counts: Counts) => [...counts, 1],
    ]) {
      await expect(propose(proposing((problem) => [spoil(draw(problem))]))).rejects.toMatchObject({
        reason: 'PLUGIN_INVALID',
        message: expect.stringContaining('not a point of the space'),
      });
    }
  });

  it('comes to an end with a strategy that proposes the same point as often as it is asked to', async () => {
    const kept = new Map<SearchProblem, Counts>();
    const { finalists } = await propose(
      proposing((problem, count) => {
        const counts = kept.get(problem) ?? draw(problem);
        kept.set(problem, counts);
        return Array.from({ length: count }, () => counts);
      }),
    );
    expect(finalists).toHaveLength(1);
  });

  it('stops asking a strategy that has had its candidates, or repeats itself', async () => {
    const all = await propose(
      proposing(
        (problem) => [draw(problem)],
        (problem) => Array.from({ length: 20 }, () => draw(problem)),
      ),
    );
    expect(all.batches).toBe(3 + 1); // 20, 40, 60 of 50, and the finalist
    const same = new Map<SearchProblem, readonly Counts[]>();
    const repeated = await propose(
      proposing(
        (problem) => [draw(problem)],
        (problem) => {
          const points = same.get(problem) ?? [draw(problem)];
          same.set(problem, points);
          return points;
        },
      ),
    );
    expect(repeated.batches).toBe(1 + 100 + 1); // the first is new, a hundred more bring nothing
  });
});
