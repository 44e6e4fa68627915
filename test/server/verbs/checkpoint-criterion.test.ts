import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobState, type DeepPartial, type Recipe, type ScoreUnitsResponse } from '../../../src/client/index.js';
import { listUnitGroups } from '../../../src/core/model/unit-groups.js';
import type { ModelCriterion } from '../../../src/core/ports/criterion.js';
import { importPlugins } from '../../../src/plugin-host/import-plugins.js';
import { listChecks } from '../../../src/plugins/testing/index.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { STORIES_SHAPE } from '../../support/shapes.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { CALIBRATION, DEMO, MAGNITUDE, startVerbServer, type VerbServer } from './verb-server.js';

const PLUGIN = resolve(import.meta.dirname, '../../fixtures/checkpoint-criterion.mjs');

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({ config: { plugins: [PLUGIN] } });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const own = (how = 'well'): DeepPartial<Recipe> => ({
  ...MAGNITUDE,
  criterion: { id: 'own-magnitude', options: { how } },
});

async function score(recipe: DeepPartial<Recipe>): Promise<ScoreUnitsResponse[]> {
  const layers: ScoreUnitsResponse[] = [];
  for await (const layer of verbs.client.services.models.scoreUnits({ model: DEMO, recipe })) layers.push(layer);
  return layers;
}

const prune = (recipe: DeepPartial<Recipe>, output: string) =>
  verbs.client.runPrune({ model: DEMO, recipe, selection: { $case: 'uniformRate', value: 0.4 }, output });

const floats = (bytes: Uint8Array): number[] =>
  Array.from({ length: bytes.length / 4 }, (_, at) => Buffer.from(bytes).readFloatLE(4 * at));

describe('a criterion that reads the checkpoint itself', () => {
  it('gives the scores of the built-in criterion that does the same, without a calibration text', async () => {
    const [found, expected] = [await score(own()), await score(MAGNITUDE)];
    expect(found).toHaveLength(5);
    for (const [layer, scores] of found.entries())
      for (const kind of ['ffnChannels', 'queryHeads', 'kvGroups'] as const) {
        const reference = floats(expected[layer]?.[kind] ?? new Uint8Array());
        expect(reference.length).toBeGreaterThan(0);
        floats(scores[kind]).forEach((value, unit) =>
          expect(Math.abs(value / (reference[unit] ?? NaN) - 1)).toBeLessThan(1e-6),
        );
        expect(floats(scores[kind])).toHaveLength(reference.length);
      }
  });

  it('ranks what Prune keeps', async () => {
    const [found, expected] = [await prune(own(), 'own'), await prune(MAGNITUDE, 'built-in')];
    expect(found.keptUnits).toEqual(expected.keptUnits);
    expect(found.recipeDigest).not.toBe(expected.recipeDigest);
  });

  it('is given the folder, its digest, the seed, and the token ids of the calibration if it asks for them', async () => {
    const mark = verbs.path('witness');
    const recipe = { ...MAGNITUDE, criterion: { id: 'witness', options: { mark } }, seed: 7n };
    await score({ ...recipe, calibration: CALIBRATION });
    const given = JSON.parse(await readFile(mark, 'utf8')) as Record<string, unknown>;
    const { checkpointDigest } = await verbs.client.services.models.inspectModel({ model: DEMO });
    expect(given).toMatchObject({ directory: DEMO_DIRECTORY, digest: checkpointDigest, seed: 7 });
    expect((given['sequences'] as number[][]).toSorted()).toEqual([...CRITERIA.calibration_ids].toSorted());
    await expect(score(recipe)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [expect.objectContaining({ field: 'recipe.calibration.text' })],
    });
  });

  it.each([
    ['twice', /scores for the units of kind kv_group in layer 4, which was not asked or has scores already/],
    ['missing', /gave no scores for the units of kind kv_group in layer 4/],
    ['nan', /gave NaN for unit 1 of the units of kind/],
    ['short', /gave 3 scores for the units of kind kv_group in layer 4, which are 4/],
  ])('is refused with scores that are wrong: %s', async (how, message) => {
    await expect(score(own(how))).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: expect.stringMatching(message) as string,
      metadata: { kind: 'criterion', id: 'own-magnitude', method: 'scoreModel' },
    });
  });

  it('costs its own call if it throws', async () => {
    await expect(score(own('throw'))).rejects.toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: expect.stringMatching(/failed in scoreModel\(\): no luck/) as string,
    });
    expect(await score(MAGNITUDE)).toHaveLength(5);
  });

  it('hears of a cancel', async () => {
    const hung = prune(own('hang'), 'never').catch((error: unknown) => error);
    let jobId: string | undefined;
    while (jobId === undefined) {
      await pause(20);
      jobId = (await verbs.client.services.jobs.listJobs({ state: JobState.RUNNING })).jobs[0]?.id;
    }
    await verbs.client.services.jobs.cancelJob({ jobId });
    expect(await hung).toMatchObject({ reason: 'CANCELLED' });
  });
});

const plugins = (await importPlugins(pathToFileURL(PLUGIN).href)) as unknown as readonly ModelCriterion[];
describe('own-magnitude', () => {
  const model = {
    shape: STORIES_SHAPE,
    directory: DEMO_DIRECTORY,
    digest: 'demo',
    groups: listUnitGroups(STORIES_SHAPE),
    seed: 1,
  };
  const [magnitude] = plugins;
  const checks = magnitude === undefined ? [] : listChecks(magnitude, { model });
  it.each(checks.map((check) => [check.name, check] as const))('%s', async (_, { run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
