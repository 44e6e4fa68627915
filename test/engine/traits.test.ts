import { scoreFrom } from '../../src/core/sequence.js';
import { describe, expect, it } from 'vitest';
import { identityRanking } from '../../src/core/model/units.js';
import { unattended, withModel } from '../support/demo-model.js';
import { TRAITS, writeTrait } from '../support/trait-checkpoint.js';

describe("a checkpoint with a special feature of people's files", () => {
  it.each(TRAITS)(
    'gives the logits and losses that transformers gives for %s',
    async (_name, trait, { tokens, middle, last, mean_loss: meanLoss }) => {
      expect.assertions(3);
      await withModel(await writeTrait(trait), async (model) => {
        const ids = Int32Array.from(tokens);
        const { vocabulary, layers } = model.shape;
        const logits = await model.logits(ids);
        expect(
          largestDifference(logits.subarray(Math.floor(ids.length / 2) * vocabulary).subarray(0, vocabulary), middle),
        ).toBeLessThan(1e-4);
        expect(largestDifference(logits.subarray((ids.length - 1) * vocabulary), last)).toBeLessThan(1e-4);
        const subject = model.subject({ ranking: identityRanking(layers) });
        for await (const {
          losses: [loss = NaN],
        } of subject.observe([layers], { sequences: [scoreFrom(ids)] }, unattended)) {
          expect(loss / (ids.length - 1)).toBeCloseTo(meanLoss, 4);
        }
      });
    },
  );
});

function largestDifference(actual: Float32Array, expected: readonly number[]): number {
  if (actual.length !== expected.length) return Infinity;
  return Math.max(...expected.map((value, index) => Math.abs(value - (actual[index] ?? NaN))));
}
