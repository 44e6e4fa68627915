import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Precision } from '../../src/core/measurement.js';
import type { Architecture } from '../../src/core/model/shape.js';
import { identityRanking } from '../../src/core/model/units.js';
import { openCheckpoint } from '../../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel, RankedRecipe } from '../../src/engine/language-model.js';
import affine from '../../src/plugins/compensations/affine.js';
import leastSquares from '../../src/plugins/compensations/least-squares.js';
import { calibrationSequences, evaluationWindows, perplexityOf } from '../support/criteria-reference.js';
import { hasVnni } from '../support/cpu.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../support/demo-model.js';
import { findLeastBudget } from '../support/least-budget.js';
import { openLanguageModel } from '../../src/engine/open-language-model.js';

const PREDICTIONS = 32 * 127;
const checkInt8 = async () => ({ exact: true, speedup: 2 });

let model: LanguageModel;
beforeAll(async () => {
  model = await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY), { checkInt8 });
});
afterAll(() => model.close());

async function collectLosses(
  of: LanguageModel,
  architectures: readonly Architecture[],
  precision: Precision,
  recipe: RankedRecipe = { ranking: identityRanking(of.shape.layers) },
): Promise<Float64Array[]> {
  const found: Float64Array[] = [];
  for await (const { index, losses } of of
    .subject(recipe)
    .observe(architectures, { sequences: evaluationWindows, precision }, unattended))
    found[index] = losses;
  return found;
}

/**
 * Dense; uneven, with widths that fill no block of 32 channels; with query heads removed within groups; and with
 * dropped half-blocks.
 */
const varied: Architecture[] = [
  [
    [4, 2, 172],
    [4, 2, 172],
    [4, 2, 172],
    [4, 2, 172],
    [4, 2, 172],
  ],
  [
    [4, 2, 172],
    [4, 2, 130],
    [3, 2, 97],
    [4, 2, 172],
    [2, 2, 64],
  ],
  [
    [4, 2, 172],
    [4, 2, 100],
    [4, 1, 172],
    [3, 1, 172],
    [4, 2, 33],
  ],
  [
    [4, 2, 172],
    [4, 2, 100],
    [4, 1, 172],
    [0, 0, 172],
    [4, 2, 0],
  ],
].map((layers) =>
  layers.map(([kvHeads = 0, queryHeadsPerKv = 0, ffnChannels = 0]) => ({ kvHeads, queryHeadsPerKv, ffnChannels })),
);

const gap = (a: Float64Array, b: Float64Array): number =>
  Math.abs(Math.log(perplexityOf(a, PREDICTIONS) / perplexityOf(b, PREDICTIONS)));

describe.skipIf(!hasVnni)('LanguageModel.subject in int8', () => {
  it('comes close to the losses of float32, dense and pruned', async () => {
    const exact = await collectLosses(model, varied, 'float32');
    const rounded = await collectLosses(model, varied, 'int8');
    expect(rounded).not.toEqual(exact);
    for (const [index, losses] of rounded.entries())
      expect(gap(losses, exact[index] as Float64Array)).toBeLessThan(0.02);
  });

  it('gives bit for bit the same losses whether architectures come together or one by one', async () => {
    const together = await collectLosses(model, varied, 'int8');
    for (const [index, architecture] of varied.entries())
      expect(await collectLosses(model, [architecture], 'int8')).toEqual([together[index]]);
  });

  it('gives the same losses if layers are streamed within the smallest memory budget', async () => {
    const together = await collectLosses(model, varied, 'int8');
    const memoryBudgetBytes = findLeastBudget(model.shape, { longest: 128, precision: 'int8' });
    await expect(
      withModel(DEMO_DIRECTORY, (small) => collectLosses(small, varied, 'int8'), {
        memoryBudgetBytes: memoryBudgetBytes - 1,
        checkInt8,
      }),
    ).rejects.toMatchObject({ reason: 'MEMORY_EXCEEDED' });
    expect(
      await withModel(DEMO_DIRECTORY, (small) => collectLosses(small, varied, 'int8'), {
        memoryBudgetBytes,
        checkInt8,
      }),
    ).toEqual(together);
  });

  it.each([
    { plugin: leastSquares, options: { damping: 0.01 }, file: 'least-squares' },
    { plugin: leastSquares, options: { damping: 0.01, fit: 'stream', refit: 'pruned' }, file: 'least-squares' },
    {
      plugin: leastSquares,
      options: { damping: 0.01, input_damping: 0.01, fit: 'stream', refit: 'all' },
      file: 'least-squares',
    },
    { plugin: affine, options: { damping: 0.01 }, file: 'affine' },
  ] as const)('quantises compensated weights: $file $options', async ({ plugin, options, file }) => {
    const calibration = await model.calibrate(calibrationSequences, [...plugin.needs], unattended);
    const ranking = identityRanking(model.shape.layers);
    const moduleUrl = new URL(`../../src/plugins/compensations/${file}.js`, import.meta.url);
    const recipe = { ranking, compensation: { plugin, options, calibration, moduleUrl } } as RankedRecipe;
    const pruned = varied.slice(1, 3);
    const exact = await collectLosses(model, pruned, 'float32', recipe);
    const [plain] = await collectLosses(model, pruned, 'int8');
    const rounded = await collectLosses(model, pruned, 'int8', recipe);
    for (const [index, losses] of rounded.entries())
      expect(gap(losses, exact[index] as Float64Array)).toBeLessThan(0.02);
    expect(gap(rounded[0] as Float64Array, plain as Float64Array)).toBeGreaterThan(0.1);
    // Compensated maps of the same width in two architectures must not be mixed up.
    for (const [index, architecture] of pruned.entries())
      expect(await collectLosses(model, [architecture], 'int8', recipe)).toEqual([rounded[index]]);
  });
});

describe('LanguageModel.requirePrecision', () => {
  it.each([
    [{ exact: false, speedup: 3 }, 'not exact'],
    [{ exact: true, speedup: 0.8 }, '0.80 times as fast'],
  ])('refuses int8 unless 8-bit products are exact and faster: %o', async (check, why) => {
    await withModel(
      DEMO_DIRECTORY,
      async (other) => {
        const refusal = { reason: 'PRECISION_UNAVAILABLE', message: expect.stringContaining(why) as string };
        await expect(other.requirePrecision('int8')).rejects.toMatchObject(refusal);
        await expect(collectLosses(other, varied, 'int8')).rejects.toMatchObject(refusal);
        await expect(other.requirePrecision('float32')).resolves.toBeUndefined();
      },
      { checkInt8: async () => check },
    );
  });
});
