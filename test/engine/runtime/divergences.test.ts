import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Architecture } from '../../../src/core/model/shape.js';
import { identityRanking } from '../../../src/core/model/units.js';
import type { Observation, ObservationRequest } from '../../../src/core/ports/evaluator.js';
import type { Sequence } from '../../../src/core/sequence.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel } from '../../../src/engine/language-model.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';
import { evaluationWindows } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { findLeastBudget } from '../../support/least-budget.js';

const architectures: readonly Architecture[] = [172, 120, 40].map((ffnChannels, index) =>
  Array.from({ length: 5 }, (_, layer) => ({
    kvHeads: layer === 2 ? 4 - index : 4,
    queryHeadsPerKv: 2,
    ffnChannels: layer > 2 ? ffnChannels : 172,
  })),
);
const sequences: readonly Sequence[] = evaluationWindows.map(({ tokens }, index) => ({
  tokens,
  spans: [
    { from: 1, to: 2 + index },
    { from: 50, to: 128 },
  ],
}));

let model: LanguageModel;
beforeAll(async () => {
  model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY), { threads: 1 });
});
afterAll(() => model.close());

async function observe(of: LanguageModel, request: ObservationRequest = { sequences, divergences: true }) {
  const found: Observation[] = [];
  for await (const item of of
    .subject({ ranking: identityRanking(of.shape.layers) })
    .observe(architectures, request, unattended))
    found[item.index] = item;
  return found;
}

/** How many tokens they share differs. */
const numbers = (found: readonly Observation[]) => found.map((item) => ({ ...item, furtherTokens: 0 }));

describe('the divergences of architectures from their dense model', () => {
  it('are those of the logits of both', async () => {
    const some = [sequences[0], sequences[9]].flatMap((sequence) => sequence ?? []);
    const found = await observe(model, { sequences: some, divergences: true });
    const recipe = { ranking: identityRanking(model.shape.layers) };
    for (const [index, architecture] of architectures.entries()) {
      const expected: { divergence: number; agreements: number }[] = [];
      for (const { tokens, spans } of some) {
        const [dense, pruned] = [await model.logits(tokens), await model.logits(tokens, { architecture, recipe })];
        for (const { from, to } of spans) {
          let [divergence, agreements] = [0, 0];
          for (let position = from; position < to; position++) {
            const [p, q] = [logSoftmax(dense, position - 1), logSoftmax(pruned, position - 1)];
            divergence += p.reduce((sum, log, token) => sum + Math.exp(log) * (log - (q[token] ?? NaN)), 0);
            agreements += p.indexOf(Math.max(...p)) === q.indexOf(Math.max(...q)) ? 1 : 0;
          }
          expected.push({ divergence, agreements });
        }
      }
      expect([...(found[index]?.agreements ?? [])]).toEqual(expected.map(({ agreements }) => agreements));
      for (const [span, { divergence }] of expected.entries())
        expect(Math.abs((found[index]?.divergences?.[span] ?? NaN) - divergence)).toBeLessThan(
          1e-4 * divergence + 1e-9,
        );
    }
  });

  it('are 0 for the dense model itself, and larger the more is cut', async () => {
    const [dense, ...pruned] = await observe(model);
    expect(dense?.divergences?.every((divergence) => divergence === 0)).toBe(true);
    expect([...(dense?.agreements ?? [])]).toEqual(
      sequences.flatMap(({ spans }) => spans.map(({ from, to }) => to - from)),
    );
    const [some = NaN, most = NaN] = pruned.map(({ divergences }) => divergences?.reduce((sum, own) => sum + own, 0));
    expect(some).toBeGreaterThan(1);
    expect(most).toBeGreaterThan(2 * some);
  });

  it.each([1, 2])('take a run of the dense model for all architectures together, with %i lanes', async (threads) => {
    const found = await withModel(DEMO_DIRECTORY, observe, { threads });
    const ran = found.reduce((sum, { furtherTokens = 0 }) => sum + furtherTokens, 0);
    expect(ran).toBe(sequences.length * 128);
  });

  it("come with the same losses as without, and are the same whatever the model's lanes and memory", async () => {
    const expected = await observe(model);
    const alone = await observe(model, { sequences });
    expect(expected.map(({ losses, hits }) => ({ losses, hits }))).toEqual(
      alone.map(({ losses, hits }) => ({ losses, hits })),
    );
    expect(numbers(await withModel(DEMO_DIRECTORY, observe, { threads: 2 }))).toEqual(numbers(expected));
    const least = findLeastBudget(model.shape, { longest: 128, beside: 'dense' });
    expect(least).toBeGreaterThan(findLeastBudget(model.shape, { longest: 128 }));
    expect(numbers(await withModel(DEMO_DIRECTORY, observe, { memoryBudgetBytes: least }))).toEqual(numbers(expected));
    await expect(withModel(DEMO_DIRECTORY, observe, { memoryBudgetBytes: least - 1 })).rejects.toMatchObject({
      reason: 'MEMORY_EXCEEDED',
    });
  });
});

/** The log-probabilities of the token after a position, in float64. */
function logSoftmax(logits: Float32Array, position: number): number[] {
  const { vocabulary } = model.shape;
  const row = Array.from(logits.subarray(position * vocabulary, (position + 1) * vocabulary));
  const most = Math.max(...row);
  const logSum = most + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  return row.map((logit) => logit - logSum);
}
