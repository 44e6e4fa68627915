import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createClient,
  ExportTarget,
  CompensationFit,
  Control,
  type DeepPartial,
  type PrunecastClient,
  type PruneRequest,
  type Text,
} from '../../../src/client/index.js';
import { readWeights } from './verb-server.js';
import { makeFolder, startTestServer, type TestServer } from '../../support/test-server.js';

const DEMO_MODEL = resolve(import.meta.dirname, '../../../models/stories260k');
const STORY = { source: { $case: 'path', value: 'stories.json' } } as const;
const WINDOWS = { window: 64, bos: true };
const CALIBRATED = { calibration: { text: STORY, sequences: 16, sequenceTokens: 64 } };

let folder: string;
let server: TestServer;
let client: PrunecastClient;

beforeAll(async () => {
  folder = await makeFolder();
  await cp(DEMO_MODEL, join(folder, 'models/demo'), { recursive: true });
  await mkdir(join(folder, 'texts'));
  await cp(join(DEMO_MODEL, 'stories.json'), join(folder, 'texts/stories.json'));
  server = await startTestServer({ folder });
  client = createClient({ address: server.address });
});

afterAll(async () => {
  client.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What a test changes in a prunecast.json. */
interface Manifest {
  readonly [key: string]: unknown;
  readonly kept_units: readonly { readonly ffn_channels: unknown }[];
  readonly recipe: {
    readonly [key: string]: unknown;
    readonly calibration: { readonly textDigest: string };
    readonly calibration_text: object;
  };
}

describe('a recipe with a compensation', () => {
  it('returns the calibration error of every width with the scores, or none if it has none', async () => {
    const text = { ...CALIBRATED.calibration };
    const layers = [];
    for await (const layer of client.services.models.scoreUnits({ model: 'demo', recipe: { calibration: text } }))
      layers.push(layer);
    expect(layers).toHaveLength(5);
    for (const { ffnErrors, attentionErrors } of layers) {
      // 172 channels and 4 key-value groups, from none kept to all; each unit more leaves less, and all leave nothing.
      for (const [bytes, widths] of [
        [ffnErrors, 173],
        [attentionErrors, 5],
      ] as const) {
        const errors = Array.from({ length: bytes.length / 4 }, (_, width) => bytes.readFloatLE(4 * width));
        expect(errors).toHaveLength(widths);
        errors.slice(1).forEach((error, width) => expect(error).toBeLessThanOrEqual(errors[width] ?? NaN));
        expect(errors.at(-1)).toBe(0);
        expect(errors[0]).toBeGreaterThan(0);
      }
    }
    for await (const { ffnErrors, attentionErrors } of client.services.models.scoreUnits({
      model: 'demo',
      recipe: { calibration: text, compensation: { id: 'none' } },
    })) {
      expect([ffnErrors.length, attentionErrors.length]).toEqual([0, 0]);
    }
  });

  it('shares a budget out by calibration error, at less error than one rate everywhere, in the multiples that are asked for', async () => {
    const recipe = { ...CALIBRATED, compensation: { id: 'least-squares' } };
    const budgets: DeepPartial<PruneRequest>['selection'] = {
      $case: 'budgets',
      value: { budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }] },
    };
    const shared = await client.runPrune({ model: 'demo', selection: budgets, recipe, output: 'shared' });
    const uniform = await client.runPrune({
      model: 'demo',
      selection: budgets,
      recipe: { ...CALIBRATED, compensation: { id: 'none' } },
      output: 'shared-uniform',
    });
    expect([shared.allocation, uniform.allocation]).toEqual(['calibration-error', 'uniform-paper']);
    expect(shared.costs[0]?.value).toBeLessThanOrEqual(0.8 * 260_032);
    expect(JSON.parse(await readFile(join(folder, 'outputs/shared/prunecast.json'), 'utf8'))).toMatchObject({
      allocation: 'calibration-error',
    });
    const errors: number[][] = [];
    for await (const { ffnErrors, attentionErrors } of client.services.models.scoreUnits({ model: 'demo', recipe })) {
      for (const bytes of [attentionErrors, ffnErrors])
        errors.push(Array.from({ length: bytes.length / 4 }, (_, width) => bytes.readFloatLE(4 * width)));
    }
    const sumOf = (result: typeof shared): number =>
      (result.architecture?.layers ?? []).reduce((sum, { kvHeads, ffnChannels }, layer) => {
        const [attention = [], ffn = []] = errors.slice(2 * layer, 2 * layer + 2);
        return sum + (attention[kvHeads] ?? NaN) / (attention[0] ?? NaN) + (ffn[ffnChannels] ?? NaN) / (ffn[0] ?? NaN);
      }, 0);
    expect(sumOf(shared)).toBeLessThan(sumOf(uniform));

    const { architecture } = await client.runPrune({
      model: 'demo',
      selection: budgets,
      recipe,
      space: { channelMultiple: 32 },
      output: 'shared-multiples',
    });
    expect(architecture?.layers.filter(({ ffnChannels }) => ffnChannels % 32 !== 0)).toEqual([]);
    const alike = await client.runPrune({
      model: 'demo',
      selection: budgets,
      recipe: { ...CALIBRATED, compensation: { id: 'none' } },
      space: { channelMultiple: 64 },
      output: 'uniform-multiples',
    });
    // Every layer keeps 128 of its 172 channels, as the 133 of the lowest rate are no multiple.
    expect(new Set(alike.architecture?.layers.map(({ ffnChannels }) => ffnChannels))).toEqual(new Set([128]));
  });

  // So few tokens are few for a fit on the stream.
  it.each([
    ['one-shot', { fit: 'one-shot' }, 0.9],
    ['stream', { fit: 'stream' }, 1],
    ['all', { fit: 'stream', refit: 'all', input_damping: 0.5 }, 1],
  ])('writes the weights that least squares compensated: %s', async (name, options, most) => {
    const recipe = { ...CALIBRATED, compensation: { id: 'least-squares', options } };
    const output = `compensated-${name}`;
    const selection = {
      $case: 'architecture',
      value: {
        layers: Array.from({ length: 5 }, (_, index) => ({
          kvHeads: 3,
          queryHeadsPerKv: 2,
          ffnChannels: index === 4 ? 0 : 120,
        })),
      },
    } as const;
    await client.runPrune({ model: 'demo', selection, recipe, output });
    await cp(join(folder, 'outputs', output), join(folder, 'models', output), { recursive: true });
    const asked = { measurement: { text: STORY, windows: WINDOWS }, fidelity: { tokenLimit: 1280n } };
    const [compensated] = await client.runEvaluate({
      model: 'demo',
      targets: [{ target: selection }],
      recipe,
      ...asked,
    });
    const [plain] = await client.runEvaluate({
      model: 'demo',
      targets: [{ target: selection }],
      recipe: { ...CALIBRATED, compensation: { id: 'none' } },
      ...asked,
    });
    const [loaded] = await client.runEvaluate({ model: output, ...asked });
    expect(
      Math.abs((loaded?.metrics['perplexity'] ?? NaN) / (compensated?.metrics['perplexity'] ?? NaN) - 1),
    ).toBeLessThan(1e-4);
    expect(compensated?.metrics['perplexity']).toBeLessThan(most * (plain?.metrics['perplexity'] ?? NaN));

    const manifest = JSON.parse(await readFile(join(folder, 'outputs', output, 'prunecast.json'), 'utf8')) as Manifest;
    expect(manifest.recipe['compensation']).toEqual({ id: 'least-squares', options: { damping: 0.1, ...options } });
    const weights = (of: string) => readFile(join(folder, 'outputs', of, 'model.safetensors'));
    const [again] = await client.runEvaluate({
      model: 'demo',
      targets: [{ target: { $case: 'manifest', value: manifest } }],
      ...asked,
    });
    expect(again).toEqual({ ...compensated, tokensSpent: 0n });
    await client.runPrune({
      model: 'demo',
      selection: { $case: 'manifest', value: manifest },
      output: `${output}-again`,
    });
    expect((await weights(`${output}-again`)).equals(await weights(output))).toBe(true);

    // Without the file's name the text must come with the request, and must be the same.
    const unnamed = {
      ...manifest,
      recipe: { ...manifest.recipe, calibration_text: { ...manifest.recipe.calibration_text, path: null } },
    };
    const prune = (value: Manifest, text?: DeepPartial<Text>) =>
      client.runPrune({
        model: 'demo',
        selection: { $case: 'manifest', value },
        output: `${output}-sent`,
        overwrite: true,
        ...(text === undefined ? {} : { recipe: { calibration: { text } } }),
      });
    const refusal = {
      reason: 'INVALID_REQUEST',
      violations: [
        {
          field: 'recipe.calibration.text',
          description: expect.stringContaining(manifest.recipe.calibration.textDigest) as string,
        },
      ],
    };
    await expect(prune(unnamed)).rejects.toMatchObject(refusal);
    const stories = (JSON.parse(await readFile(join(DEMO_MODEL, 'stories.json'), 'utf8')) as string[]).join('\n\n');
    await expect(prune(unnamed, { source: { $case: 'inline', value: stories.slice(1) } })).rejects.toMatchObject(
      refusal,
    );
    await prune(unnamed, { source: { $case: 'inline', value: stories } });
    expect((await weights(`${output}-sent`)).equals(await weights(output))).toBe(true);

    const [first, ...others] = manifest.kept_units;
    const changed = {
      ...manifest,
      kept_units: [{ ...first, ffn_channels: Array.from({ length: 120 }, (_, channel) => channel) }, ...others],
    };
    await expect(
      client.runPrune({ model: 'demo', selection: { $case: 'manifest', value: changed }, output: `${output}-changed` }),
    ).rejects.toMatchObject({ reason: 'INVALID_REQUEST', violations: [{ field: 'manifest.kept_units' }] });
    await expect(prune({ ...manifest, recipe: { ...manifest.recipe, seed: 5 } })).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'manifest.recipe' }],
    });
  });

  it('is taken back from a manifest whose text was uploaded, and without the upload the text is asked for', async () => {
    const { files } = client.services;
    const upload = () => client.upload(join(folder, 'texts/stories.json'));
    const { path } = await upload();
    const calibration = { ...CALIBRATED.calibration, text: { source: { $case: 'path', value: path } } } as const;
    const selection = { $case: 'uniformRate', value: 0.25 } as const;
    await client.runPrune({ model: 'demo', selection, recipe: { calibration }, output: 'of-upload' });
    const prune = (output: string, text?: DeepPartial<Text>) =>
      client.runPrune({
        model: 'demo',
        selection: { $case: 'earlierOutput', value: 'of-upload' },
        output,
        ...(text === undefined ? {} : { recipe: { calibration: { text } } }),
      });
    await prune('of-upload-there');
    await files.deleteUpload({ path });
    const digest = createHash('sha256')
      .update(await readFile(join(folder, 'texts/stories.json')))
      .digest('hex');
    expect(path).toBe(`uploads/${digest}/stories.json`);
    await expect(prune('of-upload-gone')).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [
        {
          field: 'recipe.calibration.text',
          description: expect.stringMatching(
            /^is needed, as the upload stories\.json is not at hand: upload the same file again \(UploadFile\), or name it in `recipe\.calibration\.text`; the weights .* by least-squares/,
          ) as string,
        },
      ],
    });
    await prune('of-upload-elsewhere', STORY);
    await upload();
    await prune('of-upload-back');
    const [first, ...others] = await Promise.all(
      ['of-upload', 'of-upload-there', 'of-upload-elsewhere', 'of-upload-back'].map((output) =>
        readFile(join(folder, 'outputs', output, 'model.safetensors')),
      ),
    );
    expect(others.map((again) => again.equals(first ?? Buffer.alloc(0)))).toEqual([true, true, true]);
  });

  it.each(['mean', 'affine'])(
    'leaves the mean output of a dropped half-block in its place, in the written model too: %s',
    async (id) => {
      const layers = [
        [4, 172],
        [0, 172],
        [4, 0],
        [2, 100],
        [0, 0],
      ].map(([kvHeads = 0, ffnChannels = 0]) => ({ kvHeads, queryHeadsPerKv: kvHeads === 0 ? 0 : 2, ffnChannels }));
      const target = { $case: 'architecture', value: { layers } } as const;
      const recipe = { ...CALIBRATED, compensation: { id } };
      const asked = { measurement: { text: STORY, windows: WINDOWS }, fidelity: { tokenLimit: 1280n } };
      const measure = async (compensation: string) =>
        (
          await client.runEvaluate({
            model: 'demo',
            targets: [{ target }],
            recipe: { ...CALIBRATED, compensation: { id: compensation } },
            ...asked,
          })
        )[0]?.metrics['perplexity'] ?? NaN;
      const output = `left-${id}`;
      const pruned = await client.runPrune({ model: 'demo', selection: target, recipe, output });
      await cp(join(folder, 'outputs', output), join(folder, 'models', output), { recursive: true });
      const [loaded] = await client.runEvaluate({ model: output, ...asked });
      const compensated = await measure(id);
      expect(Math.abs((loaded?.metrics['perplexity'] ?? NaN) / compensated - 1)).toBeLessThan(1e-4);
      expect(compensated).toBeLessThan(await measure('none'));
      expect(loaded?.costs[0]?.value).toBe(
        Number((await client.services.models.inspectModel({ model: output })).parameters),
      );

      // Pruned once more: what was left stays, what is dropped now without compensation leaves nothing.
      const again = {
        $case: 'architecture',
        value: { layers: layers.map((layer, index) => (index === 3 ? { ...layer, ffnChannels: 0 } : layer)) },
      } as const;
      await client.runPrune({
        model: output,
        selection: again,
        recipe: { criterion: { id: 'magnitude' }, compensation: { id: 'none' } },
        output: `${output}-again`,
      });
      await cp(join(folder, 'outputs', `${output}-again`), join(folder, 'models', `${output}-again`), {
        recursive: true,
      });
      const [expected] = await client.runEvaluate({
        model: output,
        targets: [{ target: again }],
        recipe: { criterion: { id: 'magnitude' }, compensation: { id: 'none' } },
        ...asked,
      });
      const [reloaded] = await client.runEvaluate({ model: `${output}-again`, ...asked });
      expect(
        Math.abs((reloaded?.metrics['perplexity'] ?? NaN) / (expected?.metrics['perplexity'] ?? NaN) - 1),
      ).toBeLessThan(1e-6);
      expect(pruned.loadsIn).toEqual(['transformers 4.48 or later with trust_remote_code']);
    },
  );

  it.each([
    ['mean', 'per-layer', 0.2],
    ['affine', 'per-layer', 0.2],
    ['mean', 'stock', 0.4], // half of the heads are as many as stock llama can tell of
  ] as const)(
    'counts the biases that it adds, in budgets and in what is stated: %s, %s',
    async (id, form, removedShare) => {
      const space = form === 'stock' ? { target: ExportTarget.UNIFORM } : { protectedLayers: { layers: [0] } };
      const recipe = { ...CALIBRATED, compensation: { id } };
      const output = `counted-${id}-${form}`;
      const pruned = await client.runPrune({
        model: 'demo',
        selection: {
          $case: 'budgets',
          value: { budgets: [{ limit: { $case: 'removedShare', value: removedShare } }] },
        },
        space,
        recipe,
        output,
      });
      const { header } = await readWeights(join(folder, 'outputs', output, 'model.safetensors'));
      const stored = Object.values(header).reduce(
        (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
        0,
      );
      expect(Object.keys(header)).toContain('model.layers.2.mlp.down_proj.bias');
      expect(pruned.costs[0]?.value).toBe(stored);
      expect(stored).toBeLessThanOrEqual((1 - removedShare) * 260_032);
      expect(Object.keys(header).includes('model.layers.2.self_attn.q_proj.bias')).toBe(form === 'stock'); // stock llama has them all
      if (form === 'stock') return;
      const target = { $case: 'architecture', value: pruned.architecture ?? {} } as const;
      const [evaluated] = await client.runEvaluate({
        model: 'demo',
        targets: [{ target }],
        recipe,
        measurement: { text: STORY, windows: WINDOWS },
        fidelity: { tokenLimit: 64n },
      });
      expect(evaluated?.costs[0]).toMatchObject({ value: stored, denseValue: 260_032 });
    },
  );

  it('counts the biases that it adds in a study: no candidate exceeds the budget with them', async () => {
    const report = await client.runSearch({
      model: 'demo',
      recipes: [{ compensation: { id: 'mean' }, calibration: { sequences: 8, sequenceTokens: 64 } }],
      space: { protectedLayers: { layers: [] } },
      budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
      texts: { text: STORY },
      windows: WINDOWS,
      pairs: { count: 24, rungs: [{ tokenLimit: 128n }] },
      candidates: 100n,
      verify: { count: 2, rungs: [{ tokenLimit: 128n }] },
      report: { tokenLimit: 128n },
      predictor: { id: 'ridge' },
      strategy: { id: 'random' },
      refine: { disabled: true },
      rounds: 1,
      controls: [Control.UNIFORM_PAPER, Control.UNIFORM_BEST],
      compensationFit: CompensationFit.ONE_SHOT,
      output: 'counted-study',
    });
    await cp(join(folder, 'outputs/counted-study'), join(folder, 'models/counted-study'), { recursive: true });
    expect(report.winner?.parameters).toBe(
      (await client.services.models.inspectModel({ model: 'counted-study' })).parameters,
    );
    for (const row of [report.winner, ...report.controls])
      expect(Number(row?.parameters)).toBeLessThanOrEqual(0.8 * 260_032);
  });
});
