import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeepPartial } from '../../../src/client/index.js';
import { Recipe } from '../../../src/gen/prunecast/v1/common.js';
import type { WorkProgress } from '../../../src/core/ports/work-context.js';
import type { CalibrationNeed, LanguageModel } from '../../../src/engine/language-model.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';
import type { OpenModel } from '../../../src/server/models/open-models.js';
import { PluginRegistry } from '../../../src/server/plugins/plugin-registry.js';
import { createRecipePreparer, type RankedModel } from '../../../src/server/recipes/prepare-recipe.js';
import { RecipeResolver } from '../../../src/server/recipes/recipe-resolver.js';
import { createScoreCache } from '../../../src/server/adapters/files/score-cache.js';
import { createTextSource } from '../../../src/server/texts/text-source.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { makeFolder } from '../../support/test-server.js';
import { DEMO, startVerbServer, REFERENCE_TEXT } from '../verbs/verb-server.js';

const resolver = new RecipeResolver(
  new PluginRegistry(BUILTIN_PLUGINS),
  createTextSource({ dataRoots: [], dataLinks: 'within-roots', memoryBudgetBytes: 2 ** 30 }),
);
const sequencesFrom = (first: number) =>
  ({
    text: {
      source: { $case: 'tokenIds', value: { ids: Array.from({ length: 400 }, (_, at) => (first + at * 7) % 512) } },
    },
    sequences: 8,
    sequenceTokens: 32,
  }) as const;

const asOpen = (language: LanguageModel): OpenModel => ({
  name: 'demo',
  tokenizer: undefined,
  timeShapes: () => Promise.reject(new Error('nothing is timed')),
  findSpeeds: () => Promise.resolve('busy' as const),
  language,
});

let directory = '';
beforeEach(async () => {
  directory = await makeFolder();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Prepares a recipe as a server that was just started does, and tells what it had computed for it. */
function prepareAfresh(recipe: DeepPartial<Recipe>): Promise<{
  readonly ranked: RankedModel;
  readonly passes: readonly (readonly CalibrationNeed[])[];
  readonly scored: number;
}> {
  return withModel(DEMO_DIRECTORY, async (language) => {
    const passes: (readonly CalibrationNeed[])[] = [];
    let scored = 0;
    const watched: typeof language = {
      ...language,
      calibrate: (sequences, needs, work) => (passes.push(needs), language.calibrate(sequences, needs, work)),
      scoreUnits: (request) => (scored++, language.scoreUnits(request)),
    };
    const preparer = createRecipePreparer(
      createScoreCache({
        directory,
        limitBytes: 2 ** 20,
        failed: (error) => {
          throw error;
        },
      }),
    );
    const spec = await resolver.resolve(Recipe.fromPartial(recipe), asOpen(language), 'recipe');
    return { ranked: await preparer.prepare(watched, spec, unattended), passes, scored };
  });
}

describe('RecipePreparer.prepare', () => {
  const recipe = {
    criterion: { id: 'taylor', options: { order: 'first' } },
    compensation: { id: 'none' },
    calibration: sequencesFrom(0),
  } satisfies DeepPartial<Recipe>;

  it('ranks by scores of an earlier server without a pass', async () => {
    const first = await prepareAfresh(recipe);
    expect(first).toMatchObject({ passes: [expect.arrayContaining(['gradients'])], scored: 1 });
    const again = await prepareAfresh(recipe);
    expect(again).toMatchObject({ passes: [], scored: 0 });
    expect(again.ranked.ranking).toEqual(first.ranked.ranking);
  });

  it.each([
    ['another option', { ...recipe, criterion: { id: 'taylor', options: { order: 'second' } } }],
    ['another text', { ...recipe, calibration: sequencesFrom(1) }],
    ['fewer sequences of it', { ...recipe, calibration: { ...sequencesFrom(0), sequences: 7 } }],
    ['another criterion', { ...recipe, criterion: { id: 'wanda' } }],
    ['another seed', { ...recipe, seed: 1n }],
  ] as const)('scores anew for %s', async (_, changed) => {
    await prepareAfresh(recipe);
    expect(await prepareAfresh(changed)).toMatchObject({ passes: [expect.anything()], scored: 1 });
  });

  it('passes over the text for what a compensation needs, and scores no second time', async () => {
    const first = await prepareAfresh(recipe);
    const compensated = await prepareAfresh({ ...recipe, compensation: { id: 'least-squares' } });
    expect(compensated).toMatchObject({ passes: [['gram']], scored: 0 });
    expect(compensated.ranked.ranking).toEqual(first.ranked.ranking);
  });
});

describe('recipes of one job on one text', () => {
  it('share a single pass over it, whatever each of them needs', async () => {
    await withModel(DEMO_DIRECTORY, async (language) => {
      const resolve = (criterion: string, compensation: string) =>
        resolver.resolve(
          Recipe.fromPartial({
            criterion: { id: criterion },
            compensation: { id: compensation },
            calibration: sequencesFrom(0),
          }),
          asOpen(language),
          'recipe',
        );
      const specs = [
        await resolve('taylor', 'none'),
        await resolve('wanda', 'none'),
        await resolve('fluctuation', 'least-squares'),
        await resolve('block-influence', 'mean'),
        await resolve('activation', 'affine'),
      ];
      const preparer = createRecipePreparer();
      const passes: { readonly recipe: number; readonly tokens: number }[] = [];
      for (const [index, spec] of specs.entries()) {
        const report = ({ what, done, total }: WorkProgress): void => {
          if (what === 'tokens' && done === total) passes.push({ recipe: index, tokens: total });
        };
        const { recipe } = await preparer.prepare(language, spec, { ...unattended, report }, specs);
        expect(recipe.compensation?.plugin.id).toBe(['least-squares', 'mean', 'affine'][index - 2]);
      }
      expect(passes).toEqual([{ recipe: 1, tokens: 8 * 32 }]); // the first one needs gradients alone
    });
  });
});

describe('a server', () => {
  it('keeps scores in its state folder', async () => {
    await using verbs = await startVerbServer({ folder: directory });
    await verbs.client.runEvaluate({
      model: DEMO,
      targets: [{ target: { $case: 'uniformRate', value: 0.25 } }],
      recipe: { criterion: { id: 'wanda' }, compensation: { id: 'none' }, calibration: sequencesFrom(0) },
      measurement: { text: REFERENCE_TEXT },
      fidelity: { tokenLimit: 128n },
    });
    expect(await readdir(join(directory, 'state', 'scores'))).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}\.scores$/),
    ]);
  });
});
