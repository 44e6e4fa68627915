import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Criterion } from '../../../src/core/ports/criterion.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import type { Calibration, LanguageModel } from '../../../src/engine/language-model.js';
import activation from '../../../src/plugins/criteria/activation.js';
import fluctuation from '../../../src/plugins/criteria/fluctuation.js';
import magnitude from '../../../src/plugins/criteria/magnitude.js';
import random from '../../../src/plugins/criteria/random.js';
import wanda from '../../../src/plugins/criteria/wanda.js';
import { calibrationSequences, CRITERIA } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended } from '../../support/demo-model.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';

let model: LanguageModel;
let calibration: Calibration;
beforeAll(async () => {
  model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY));
  calibration = await model.calibrate(calibrationSequences, ['activations'], unattended);
});
afterAll(() => model.close());

const score = (criterion: Criterion, options: unknown, moduleUrl?: URL) =>
  model.scoreUnits({
    criterion,
    options,
    calibration,
    seed: 7,
    work: unattended,
    ...(moduleUrl === undefined ? {} : { moduleUrl }),
  });

describe('scoreUnits', () => {
  it.each([
    ['magnitude-l1', 'magnitude', magnitude as Criterion, { norm: 'l1' }],
    ['magnitude-l2', 'magnitude', magnitude as Criterion, { norm: 'l2' }],
    ['wanda', 'wanda', wanda as Criterion, {}],
    ['activation-l2', 'activation', activation as Criterion, {}],
    ['fluctuation', 'fluctuation', fluctuation as Criterion, {}],
  ])(
    'gives the reference scores of %s, on this thread and in the thread of the model',
    async (key, file, criterion, options) => {
      const moduleUrl = new URL(`../../../src/plugins/criteria/${file}.js`, import.meta.url);
      for (const scores of [await score(criterion, options), await score(criterion, options, moduleUrl)]) {
        expect(scores).toHaveLength(5);
        for (const [layer, expected] of (CRITERIA.scores[key] ?? []).entries()) {
          expect(largestRelativeError(scores[layer]?.ffnChannels, expected.ffn)).toBeLessThan(1e-3);
          expect(largestRelativeError(scores[layer]?.queryHeads, expected.query_head)).toBeLessThan(1e-3);
          expect(largestRelativeError(scores[layer]?.kvGroups, expected.kv_group)).toBeLessThan(1e-3);
        }
      }
    },
  );

  it('gives `random` the same scores for the same seed, and others for each layer and kind', async () => {
    const [first, again] = [await score(random, {}), await score(random, {})];
    expect(again).toEqual(first);
    expect(first[0]?.ffnChannels).not.toEqual(first[1]?.ffnChannels);
    expect(first[0]?.kvGroups[0]).not.toBe(first[0]?.queryHeads[0]);
  });

  it('refuses a criterion that does not give one score per unit', async () => {
    const short: Criterion = {
      kind: 'criterion',
      apiVersion: 1,
      id: 'short',
      summary: '',
      needs: [],
      options: random.options,
      score: () => new Float32Array(1),
    };
    await expect(score(short, {})).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      metadata: { kind: 'criterion', id: 'short', method: 'score' },
    });
  });
});

describe('LanguageModel.calibrate', () => {
  it('counts every token once, whatever the lengths of the sequences', async () => {
    const uneven = calibrationSequences.flatMap((sequence) => [sequence, sequence.subarray(0, 40)]);
    const found = await model.calibrate(uneven, ['activations'], unattended);
    const short = await model.calibrate(
      calibrationSequences.map((sequence) => sequence.subarray(0, 40)),
      ['activations'],
      unattended,
    );
    expect(found.tokens).toBe(16 * 168);
    // Means of the parts, weighted by their tokens: attention is causal, so the start of a sequence does not depend on
    // the rest.
    expect(meanOf(found)).toBeCloseTo((meanOf(calibration) * 128 + meanOf(short) * 40) / 168, 6);
  });
});

function meanOf(part: Calibration): number {
  return part.layers[4]?.ffn.mean[9] ?? NaN;
}

function largestRelativeError(actual: Float32Array | undefined, expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(...expected.map((value, index) => Math.abs((actual?.[index] ?? NaN) / value - 1)));
}
