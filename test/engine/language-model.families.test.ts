import { scoreFrom } from '../../src/core/sequence.js';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Precision } from '../../src/core/measurement.js';
import { identityRanking } from '../../src/core/model/units.js';
import type { LanguageModel } from '../../src/engine/language-model.js';
import { hasVnni } from '../support/cpu.js';
import { unattended, withModel } from '../support/demo-model.js';
import { hasShared, sharedPath, skipReason } from '../support/shared.js';

interface Expected {
  readonly input_ids: readonly (readonly number[])[];
  readonly tolerance: { readonly logits_max_abs: number };
  readonly cases: Readonly<
    Record<
      string,
      {
        readonly mean_nll: number;
        readonly logits_last_position: readonly (readonly number[])[];
        readonly logits_position_17_first_8: readonly (readonly number[])[];
      }
    >
  >;
}

const {
  input_ids: inputIds,
  tolerance,
  cases,
} = hasShared
  ? (JSON.parse(readFileSync(sharedPath('reference/families/expected.json'), 'utf8')) as Expected)
  : { input_ids: [], tolerance: { logits_max_abs: 0 }, cases: {} };
const sequences = inputIds.map((ids) => Int32Array.from(ids));

describe.skipIf(!hasShared)(`openLanguageModel, families (${skipReason})`, () => {
  it('finds all seven cases', () => expect(Object.keys(cases)).toHaveLength(7));

  it.each(Object.entries(cases))(
    'gives the logits and losses that transformers gives for %s',
    async (name, expected) => {
      await withModel(sharedPath('reference/families', name), async (model) => {
        const { vocabulary } = model.shape;
        for (const [index, tokens] of sequences.entries()) {
          const logits = await model.logits(tokens);
          const last = logits.subarray((tokens.length - 1) * vocabulary);
          expect(largestDifference(last, expected.logits_last_position[index])).toBeLessThan(tolerance.logits_max_abs);
          const inside = logits.subarray(17 * vocabulary, 17 * vocabulary + 8);
          expect(largestDifference(inside, expected.logits_position_17_first_8[index])).toBeLessThan(
            tolerance.logits_max_abs,
          );
        }
        expect(await meanLoss(model, 'float32')).toBeCloseTo(expected.mean_nll, 4);
      });
    },
  );

  it.skipIf(!hasVnni).each(Object.entries(cases))('comes close to that loss in int8 for %s', async (name, expected) => {
    await withModel(sharedPath('reference/families', name), async (model) => {
      expect(Math.abs((await meanLoss(model, 'int8')) - expected.mean_nll)).toBeLessThan(0.01);
    });
  });
});

function largestDifference(actual: Float32Array, expected: readonly number[] = []): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(...expected.map((value, index) => Math.abs(value - (actual[index] ?? NaN))));
}

async function meanLoss(model: LanguageModel, precision: Precision): Promise<number> {
  const windows = sequences.map((tokens) => scoreFrom(tokens));
  let sum = NaN;
  for await (const { losses } of model
    .subject({ ranking: identityRanking(model.shape.layers) })
    .observe([model.shape.layers], { sequences: windows, precision }, unattended))
    sum = losses.reduce((total, loss) => total + loss, 0);
  return sum / (2 * 39);
}
