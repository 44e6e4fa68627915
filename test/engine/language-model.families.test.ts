import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { identityRanking } from '../../src/core/model/units.js';
import { unattended, withModel } from '../support/demo-model.js';
import { hasShared, sharedPath, skipReason } from '../support/shared.js';

interface Expected {
  readonly input_ids: readonly (readonly number[])[];
  readonly tolerance: { readonly logits_max_abs: number };
  readonly cases: Readonly<Record<string, {
    readonly mean_nll: number;
    readonly logits_last_position: readonly (readonly number[])[];
    readonly logits_position_17_first_8: readonly (readonly number[])[];
  }>>;
}

const { input_ids: inputIds, tolerance, cases } = hasShared
  ? (JSON.parse(readFileSync(sharedPath('reference/families/expected.json'), 'utf8')) as Expected)
  : { input_ids: [], tolerance: { logits_max_abs: 0 }, cases: {} };
const sequences = inputIds.map((ids) => Int32Array.from(ids));

describe.skipIf(!hasShared)(`openLanguageModel, families (${skipReason})`, () => {
  it('finds all seven cases', () => expect(Object.keys(cases)).toHaveLength(7));

  it.each(Object.entries(cases))('gives the logits and losses that transformers gives for %s', async (name, expected) => {
    await withModel(sharedPath('reference/families', name), async (model) => {
      const { vocabulary } = model.shape;
      for (const [index, tokens] of sequences.entries()) {
        const logits = await model.logits(tokens);
        const last = logits.subarray((tokens.length - 1) * vocabulary);
        expect(largestDifference(last, expected.logits_last_position[index])).toBeLessThan(tolerance.logits_max_abs);
        const inside = logits.subarray(17 * vocabulary, 17 * vocabulary + 8);
        expect(largestDifference(inside, expected.logits_position_17_first_8[index])).toBeLessThan(tolerance.logits_max_abs);
      }
      const windows = sequences.map((tokens) => ({ tokens, scoredFrom: 1, start: 0 }));
      const subject = model.subject({ ranking: identityRanking(model.shape.layers) });
      for await (const { windowLosses } of subject.losses([model.shape.layers], windows, unattended)) {
        expect(windowLosses.reduce((sum, loss) => sum + loss, 0) / (2 * 39)).toBeCloseTo(expected.mean_nll, 4);
      }
    });
  });
});

function largestDifference(actual: Float32Array, expected: readonly number[] = []): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(...expected.map((value, index) => Math.abs(value - (actual[index] ?? NaN))));
}
