import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CallError, createClient, type DeepPartial, type EvaluateRequest, type PrunecastClient, type PruneRequest, type SearchRequest } from '../../../src/client/index.js';
import { packSafetensors } from '../../engine/checkpoint/tiny-checkpoint.js';
import { startTestServer, type TestServer } from '../../support/test-server.js';

const DEMO_MODEL = resolve(import.meta.dirname, '../../../models/stories260k');
const STORY = { source: { $case: 'path', value: 'stories.json' } } as const;
const DENSE_LAYER = { kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 172 };

let server: TestServer;
let client: PrunecastClient;

beforeAll(async () => {
  server = await startTestServer();
  const model = (name: string): string => join(server.folder, 'models', name);
  await cp(DEMO_MODEL, model('demo'), { recursive: true });
  for (const name of ['truncated', 'lying', 'overlapping', 'foreign']) await cp(DEMO_MODEL, model(name), { recursive: true });
  const weights = await readFile(join(DEMO_MODEL, 'model.safetensors'));
  await writeFile(join(model('truncated'), 'model.safetensors'), weights.subarray(0, weights.length / 2));
  const huge = Buffer.from(weights);
  huge.writeBigUInt64LE(2n ** 60n, 0);
  await writeFile(join(model('lying'), 'model.safetensors'), huge);
  await writeFile(join(model('overlapping'), 'model.safetensors'), packSafetensors({
    a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] },
  }, new Uint8Array(12)));
  const config = JSON.parse(await readFile(join(DEMO_MODEL, 'config.json'), 'utf8')) as Record<string, unknown>;
  await writeFile(join(model('foreign'), 'config.json'), JSON.stringify({ ...config, model_type: 'mamba' }));
  await mkdir(join(server.folder, 'texts'), { recursive: true });
  await cp(join(DEMO_MODEL, 'stories.json'), join(server.folder, 'texts/stories.json'));
  await mkdir(join(server.folder, 'outputs/taken'), { recursive: true });
  client = createClient({ address: server.address });
});

afterAll(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

/** What a refused request must leave behind: no job, and no output beside the one that was there. */
async function expectNothingChanged(): Promise<void> {
  expect((await client.services.jobs.listJobs({})).jobs).toEqual([]);
  expect(await readdir(join(server.folder, 'outputs'))).toEqual(['taken']);
}

async function refusalOf(call: Promise<unknown>): Promise<CallError> {
  const error = await call.then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CallError);
  await expectNothingChanged();
  return error as CallError;
}

const prune = (changes: DeepPartial<PruneRequest>) =>
  refusalOf(client.runPrune({ model: 'demo', selection: { $case: 'uniformRate', value: 0.2 }, recipe: { criterion: { id: 'magnitude' } }, output: 'new', ...changes }));
const evaluate = (changes: DeepPartial<EvaluateRequest>) => refusalOf(client.runEvaluate({ model: 'demo', measurement: { text: STORY }, ...changes }));
const search = (changes: DeepPartial<SearchRequest>) =>
  refusalOf(client.runSearch({ model: 'demo', texts: { text: STORY }, budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }], space: { protectedLayers: { layers: [] } }, output: 'new', ...changes }));

describe('a request that cannot be met', () => {
  it('names an unknown model', async () => {
    expect(await prune({ model: 'nowhere' })).toMatchObject({ code: 'NOT_FOUND', reason: 'MODEL_NOT_FOUND', violations: [{ field: 'model' }] });
  });

  it.each([
    ['a model', () => prune({ model: '../../etc' }), 'model'],
    ['an output', () => prune({ output: '../new' }), 'output'],
    ['a text', () => evaluate({ measurement: { text: { source: { $case: 'path', value: '../../../etc/passwd' } } } }), 'measurement.text.path'],
  ] as const)('does not follow %s out of its root', async (_what, ask, field) => {
    expect(await ask()).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'PATH_OUTSIDE_ROOTS', violations: [{ field }] });
  });

  it.each([['truncated'], ['lying'], ['overlapping']])('names the file of a %s safetensors header', async (model) => {
    const error = await evaluate({ model });
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'MODEL_MALFORMED' });
    expect(error.message).toContain('model.safetensors');
  });

  it('names an unsupported family', async () => {
    const error = await evaluate({ model: 'foreign' });
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'MODEL_UNSUPPORTED' });
    expect(error.message).toContain('mamba');
  });

  it('names the layer that has too many heads', async () => {
    const layers = Array.from({ length: 5 }, (_, index) => (index === 3 ? { ...DENSE_LAYER, kvHeads: 5 } : DENSE_LAYER));
    const error = await prune({ selection: { $case: 'architecture', value: { layers } } });
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'ARCHITECTURE_INVALID', violations: [{ field: 'architecture.layers[3].kv_heads', description: 'is 5; the model allows 0 to 4' }] });
  });

  it('tells a wrong number of layers', async () => {
    const error = await evaluate({ targets: [{ target: { $case: 'architecture', value: { layers: [DENSE_LAYER] } } }] });
    expect(error).toMatchObject({ reason: 'ARCHITECTURE_INVALID', violations: [{ field: 'targets[0].architecture.layers' }] });
  });

  it('tells the nearest budget that can be met', async () => {
    const error = await search({ budgets: [{ limit: { $case: 'removedShare', value: 0.95 } }] });
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'BUDGET_INFEASIBLE', violations: [{ field: 'budgets[0]' }] });
    // Rate 0.9 everywhere keeps one of four groups and floor(17.2 + 0.5) = 17 of 172 channels in each of five layers.
    const least = 512 * 64 + 64 + 5 * (3072 + 64 + 17 * 192 + 64);
    expect(error.metadata['nearest']).toBe(String(least));
  });

  it('lists the plug-ins there are', async () => {
    const error = await search({ predictor: { id: 'oracle' } });
    expect(error).toMatchObject({ code: 'NOT_FOUND', reason: 'PLUGIN_NOT_FOUND', violations: [{ field: 'predictor.id' }] });
    expect(error.metadata['known']).toContain('xgboost');
  });

  it('names the path of a bad option', async () => {
    expect(await search({ predictor: { id: 'xgboost', options: { depth: 99 } } })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_OPTIONS',
      violations: [{ field: 'predictor.options.depth' }],
    });
  });

  it('keeps an existing output', async () => {
    expect(await prune({ output: 'taken' })).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'OUTPUT_EXISTS' });
  });

  it('tells how short a text is', async () => {
    const error = await evaluate({ measurement: { text: { source: { $case: 'inline', value: 'Once upon a time.' } } } });
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'TEXT_TOO_SHORT' });
    expect(error.metadata['needed']).toBe('128');
  });

  it('refuses labels that are no numbers', async () => {
    const error = await refusalOf(client.services.predictors.fitPredictor({
      predictor: { id: 'ridge' },
      source: { $case: 'pairs', value: { dimensions: ['a', 'b'], pairs: [5, 6, Number.NaN, 7, 8].map((perplexity) => ({ rates: [0.1, 0.2], metrics: { perplexity } })) } },
    }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'PAIRS_INVALID', violations: [{ field: 'pairs.pairs[2].metrics.perplexity' }] });
  });

  it('tells how many pairs a predictor needs', async () => {
    const error = await refusalOf(client.services.predictors.fitPredictor({
      predictor: { id: 'xgboost' },
      source: { $case: 'pairs', value: { dimensions: ['a'], pairs: [{ rates: [0.1], metrics: { perplexity: 5 } }] } },
    }));
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'PAIRS_TOO_FEW', metadata: { pairs: '1', least: '4' } });
  });

  it('refuses a search whose first sample is too small for its predictor', async () => {
    expect(await search({ pairs: { count: 4 } })).toMatchObject({ reason: 'PAIRS_TOO_FEW', violations: [{ field: 'pairs.count' }] });
  });

  it('refuses report windows that calibration has seen', async () => {
    expect(await search({ texts: { text: STORY, calibration: STORY } })).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'WINDOWS_OVERLAP' });
  });

  it('refuses token ids outside the vocabulary', async () => {
    const error = await evaluate({ measurement: { text: { source: { $case: 'tokenIds', value: { ids: [1, 2, 512] } } } } });
    expect(error).toMatchObject({ reason: 'INVALID_REQUEST', violations: [{ field: 'measurement.text.token_ids.ids[2]' }] });
  });

  it('asks for the text that a calibrated criterion needs', async () => {
    expect(await prune({ recipe: {} })).toMatchObject({ reason: 'INVALID_REQUEST', violations: [{ field: 'recipe.calibration.text' }] });
  });
});
