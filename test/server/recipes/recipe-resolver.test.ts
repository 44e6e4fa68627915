import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import { digestBytes, digestOf } from '../../../src/engine/files/digest.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';
import { Recipe, Text } from '../../../src/gen/prunecast/v1/common.js';
import type { DeepPartial } from '../../../src/client/index.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';
import type { ManifestRecipe } from '../../../src/server/requests/decode-manifest.js';
import type { OpenModel } from '../../../src/server/models/open-models.js';
import { PluginRegistry } from '../../../src/server/plugins/plugin-registry.js';
import { createRecipePreparer } from '../../../src/server/recipes/prepare-recipe.js';
import { RecipeResolver } from '../../../src/server/recipes/recipe-resolver.js';
import type { ResolvedRecipe } from '../../../src/server/requests/recipe.js';
import { createTextSource, type TextSource } from '../../../src/server/texts/text-source.js';
import { DEMO_DIRECTORY, unattended } from '../../support/demo-model.js';

const resolver = new RecipeResolver(
  new PluginRegistry(BUILTIN_PLUGINS),
  createTextSource({ dataRoots: [], dataLinks: 'within-roots', memoryBudgetBytes: 2 ** 30 }),
);
const CALIBRATION = {
  text: { source: { $case: 'tokenIds', value: { ids: Array.from({ length: 400 }, (_, at) => (at * 7) % 512) } } },
  sequences: 8,
  sequenceTokens: 32,
} as const;

let model: OpenModel;
beforeAll(async () => {
  model = {
    name: 'demo',
    tokenizer: undefined,
    timeShapes: () => Promise.reject(new Error('nothing is timed')),
    findSpeeds: () => Promise.resolve('busy' as const),
    language: await openLanguageModel(await openCheckpoint(DEMO_DIRECTORY)),
  };
});
afterAll(() => model.language.close());

const resolve = (recipe: DeepPartial<Recipe>): Promise<ResolvedRecipe> =>
  resolver.resolve(Recipe.fromPartial(recipe), model, 'recipe');
const options = (spec: ResolvedRecipe) => ({ id: spec.compensation.plugin.id, options: spec.compensation.options });

/** The same model under a config.json that names another token. */
const withBos = (bosTokenId: number): OpenModel => {
  const { checkpoint } = model.language;
  return {
    ...model,
    language: { ...model.language, checkpoint: { ...checkpoint, config: { ...checkpoint.config, bosTokenId } } },
  };
};

describe('a recipe that calibrates with BOS', () => {
  const recipe = Recipe.fromPartial({
    criterion: { id: 'wanda' },
    compensation: { id: 'mean' },
    calibration: { ...CALIBRATION, bos: true },
  });

  it('has a digest of its own for each token that its sequences begin with', async () => {
    const [one, five] = [
      await resolver.resolve(recipe, withBos(1), 'recipe'),
      await resolver.resolve(recipe, withBos(5), 'recipe'),
    ];
    expect([one, five].map(({ calibration }) => calibration?.sequences[0]?.[0])).toEqual([1, 5]);
    expect(one.digest).not.toBe(five.digest);
    expect(one.rankingDigest).not.toBe(five.rankingDigest);
  });

  it('is found again from a manifest of version 0.1, which did not name the token', async () => {
    const { bosToken, ...calibration } = (await resolver.resolve(recipe, model, 'recipe')).description[
      'calibration'
    ] as NonNullable<ManifestRecipe['calibration']>;
    expect(bosToken).toBe(1);
    const written: Omit<ManifestRecipe, 'digest' | 'calibration_text'> = {
      criterion: { id: 'wanda', options: {} },
      compensation: { id: 'mean', options: {} },
      calibration,
      seed: 0,
    };
    const digest = digestOf(written);
    const manifest = {
      recipe: { ...written, digest, calibration_text: { path: null, part: { from: 0, to: 1 } } },
      field: 'manifest',
    };
    const text = Text.fromPartial(CALIBRATION.text);
    expect((await resolver.restore(manifest, text, model)).calibration?.sequences[0]?.[0]).toBe(1);
    const named = { ...manifest, recipe: { ...manifest.recipe, calibration: { ...calibration, bosToken: 5 } } };
    await expect(resolver.restore(named, text, model)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'manifest.recipe' }],
    });
  });
});

describe('a recipe that was calibrated on a long text', () => {
  it('is found again from its manifest, whether its study read a longer part of the text or all of it', async () => {
    /** Token i is i mod 512; a request sees four times as many as it asks for. */
    const texts: TextSource = {
      locate: () => Promise.resolve(undefined),
      load: (_text, _model, _field, { tokens = Infinity } = {}) => {
        const ids = Int32Array.from({ length: Math.min(4 * tokens, 100_000) }, (_, at) => at % 512);
        return Promise.resolve({ tokens: ids, digest: digestBytes(ids) });
      },
      loadRows: () => Promise.reject(new Error('a calibration has no rows')),
    };
    const reading = new RecipeResolver(new PluginRegistry(BUILTIN_PLUGINS), texts);
    const text = Text.fromPartial(CALIBRATION.text);
    const calibrated = { sequences: CALIBRATION.sequences, sequenceTokens: CALIBRATION.sequenceTokens };
    const asked = Recipe.fromPartial({
      criterion: { id: 'wanda' },
      compensation: { id: 'mean' },
      calibration: calibrated,
    });
    for (const textTokens of [0, 4 * 320, 16 * 320, Infinity]) {
      const study = await reading.resolve(asked, model, 'recipe', { text, textTokens });
      const manifest = {
        recipe: {
          ...study.description,
          digest: study.digest,
          calibration_text: { path: null, part: { from: 0, to: 1 } },
        } as unknown as ManifestRecipe,
        field: 'manifest',
      };
      expect((await reading.restore(manifest, text, model)).digest).toBe(study.digest);
      const other = {
        ...manifest.recipe,
        digest: 'other',
        calibration: { ...manifest.recipe.calibration, textDigest: 'other' } as ManifestRecipe['calibration'],
      };
      await expect(reading.restore({ ...manifest, recipe: other }, text, model)).rejects.toMatchObject({
        message: expect.stringContaining('is another text') as string,
      });
    }
  });
});

describe('asStream', () => {
  it('keeps what ranks the units and the text, and compensates on the stream under a digest of its own', async () => {
    const recipe = await resolve({
      criterion: { id: 'wanda' },
      compensation: { id: 'mean' },
      calibration: CALIBRATION,
    });
    const twin = resolver.asStream(recipe, 'recipe');
    expect(options(twin)).toMatchObject({ id: 'least-squares', options: { damping: 0.1, fit: 'stream' } });
    expect(twin).toMatchObject({
      criterion: recipe.criterion,
      calibration: recipe.calibration,
      seed: recipe.seed,
      rankingDigest: recipe.rankingDigest,
    });
    expect(twin.digest).not.toBe(recipe.digest);
    const asked = await resolve({
      criterion: { id: 'wanda' },
      compensation: { id: 'least-squares', options: { fit: 'stream' } },
      calibration: CALIBRATION,
    });
    expect(twin.digest).toBe(asked.digest);
    expect(twin.description).toEqual(asked.description);
  });

  it('keeps the options of a compensation that can do both', async () => {
    const recipe = await resolve({
      compensation: { id: 'least-squares', options: { damping: 0.2 } },
      calibration: CALIBRATION,
    });
    expect(options(resolver.asStream(recipe, 'recipe'))).toMatchObject({
      id: 'least-squares',
      options: { damping: 0.2, fit: 'stream' },
    });
  });

  it.each([
    [{}, { damping: 0.1, fit: 'one-shot' }],
    [
      { refit: 'all', input_damping: 1 },
      { damping: 0.1, fit: 'one-shot' },
    ],
    [{ fit: 'stream' }, { damping: 0.1, fit: 'stream' }],
    [
      { fit: 'stream', refit: 'outputs', input_damping: 1 },
      { damping: 0.1, fit: 'stream', refit: 'outputs' },
    ],
    [
      { fit: 'stream', refit: 'all' },
      { damping: 0.1, fit: 'stream', refit: 'all', input_damping: 0.01 },
    ],
  ])('leaves options without effect out of a digest, so that earlier labels stay valid: %o', async (given, named) => {
    const recipe = await resolve({ compensation: { id: 'least-squares', options: given }, calibration: CALIBRATION });
    expect(recipe.description['compensation']).toEqual({ id: 'least-squares', options: named });
  });

  it('refuses a recipe without a calibration text', async () => {
    const recipe = await resolve({ criterion: { id: 'magnitude' }, compensation: { id: 'none' } });
    expect(() => resolver.asStream(recipe, 'recipes[0]')).toThrow(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        violations: [{ field: 'recipes[0]', description: expect.stringContaining('calibration text') }],
      }),
    );
  });

  it('is ranked by the pass that ranked the recipe', async () => {
    const recipe = await resolve({
      criterion: { id: 'taylor' },
      compensation: { id: 'none' },
      calibration: CALIBRATION,
    });
    let scored = 0;
    const language = {
      ...model.language,
      scoreUnits: (...args: Parameters<typeof model.language.scoreUnits>) => (
        scored++, model.language.scoreUnits(...args)
      ),
    };
    const preparer = createRecipePreparer();
    const ranked = await preparer.prepare(language, recipe, unattended);
    const twin = await preparer.prepare(language, resolver.asStream(recipe, 'recipe'), unattended);
    expect(scored).toBe(1);
    expect(twin.ranking).toEqual(ranked.ranking);
    expect(twin.recipe.compensation?.plugin.id).toBe('least-squares');
    expect(twin.recipeDigest).not.toBe(ranked.recipeDigest);
  });
});

describe('sequences of a fit on the stream', () => {
  const calibration = { ...CALIBRATION, sequences: 4, streamSequences: 8 };
  const few = { ...CALIBRATION, sequences: 4 };

  it('are those of its form on the stream only: a recipe that is fitted in one shot stays the same', async () => {
    const [recipe, plain] = [await resolve({ calibration }), await resolve({ calibration: few })];
    expect(recipe.digest).toBe(plain.digest);
    expect(recipe.description).toEqual(plain.description);
    const [twin, plainTwin] = [resolver.asStream(recipe, 'recipe'), resolver.asStream(plain, 'recipe')];
    expect(plainTwin.description).not.toHaveProperty('streamCalibration');
    expect(twin.description).toEqual({
      ...plainTwin.description,
      streamCalibration: { sequences: 8, startsDigest: digestOf(twin.streamCalibration?.starts) },
    });
    expect([twin.rankingDigest, plainTwin.rankingDigest]).toEqual([recipe.rankingDigest, recipe.rankingDigest]);
    const asked = await resolve({ compensation: { id: 'least-squares', options: { fit: 'stream' } }, calibration });
    expect(asked.digest).toBe(twin.digest);
  });

  it('are what it is fitted on, while the units are ranked on the others', async () => {
    const recipe = await resolve({ compensation: { id: 'least-squares', options: { fit: 'stream' } }, calibration });
    const calibrated: { readonly sequences: number; readonly needs: readonly string[] }[] = [];
    const language = {
      ...model.language,
      calibrate: (...args: Parameters<typeof model.language.calibrate>) => {
        calibrated.push({ sequences: args[0].length, needs: args[1] });
        return model.language.calibrate(...args);
      },
    };
    const { recipe: ranked } = await createRecipePreparer().prepare(language, recipe, unattended);
    // No Gram matrices are gathered that nothing would use.
    expect(calibrated).toEqual([
      { sequences: 4, needs: [...recipe.criterion.plugin.needs] },
      { sequences: 8, needs: ['sequences'] },
    ]);
    expect(ranked.compensation?.calibration?.gramSequences).toEqual(recipe.streamCalibration?.sequences);
  });

  it('are found again from a manifest', async () => {
    const recipe = await resolve({ compensation: { id: 'least-squares', options: { fit: 'stream' } }, calibration });
    const manifest = {
      ...recipe.description,
      digest: recipe.digest,
      calibration_text: { path: null, part: { from: 0, to: 1 } },
    } as unknown as ManifestRecipe;
    const restored = await resolver.restore(
      { recipe: manifest, field: 'manifest' },
      Text.fromPartial(CALIBRATION.text),
      model,
    );
    expect(restored.digest).toBe(recipe.digest);
    expect(restored.streamCalibration?.starts).toEqual(recipe.streamCalibration?.starts);
  });
});
