import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BudgetKind,
  type DeepPartial,
  type EvaluateRequest,
  type LayerKeptUnits,
  type PairSet,
  type PruneRequest,
} from '../../../src/client/index.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { packSafetensors } from '../../engine/checkpoint/tiny-checkpoint.js';
import {
  DEMO,
  demoLayers,
  encodeUnits,
  MAGNITUDE,
  MODELS_ROOT,
  REFERENCE_TEXT,
  referenceWindows,
  readWeights,
  refusalOf,
  smallSearch,
  startVerbServer,
  tokenText,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  await mkdir(verbs.path('models'), { recursive: true });
  await mkdir(verbs.path('texts', 'folder'), { recursive: true });
  execFileSync('mkfifo', [verbs.path('texts', 'pipe')]);
  await symlink('circle', verbs.path('texts', 'circle'));
  await writeFile(verbs.path('secret.txt'), 'Once upon a time. '.repeat(100));
  await mkdir(verbs.path('outputs', 'taken'), { recursive: true });
  await writeFile(verbs.path('outputs', 'taken', 'precious.txt'), 'text');
});
afterAll(() => verbs[Symbol.asyncDispose]());

const evaluate =
  (changes: DeepPartial<EvaluateRequest> = {}) =>
  () =>
    verbs.client.runEvaluate({
      model: DEMO,
      recipe: MAGNITUDE,
      measurement: { text: REFERENCE_TEXT },
      fidelity: { tokenLimit: 128n },
      ...changes,
    });
const prune =
  (changes: DeepPartial<PruneRequest> = {}) =>
  () =>
    verbs.client.runPrune({
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'uniformRate', value: 0.25 },
      output: 'refused',
      ...changes,
    });
const architecture = (layers: ReturnType<typeof demoLayers>) => ({ $case: 'architecture', value: { layers } }) as const;
const search = (changes: Parameters<typeof smallSearch>[0]) => () =>
  verbs.client.runSearch(smallSearch({ output: 'refused', ...changes }));
const fit =
  (pairs: DeepPartial<PairSet>, id = 'ridge') =>
  () =>
    verbs.client.runFitPredictor({ source: { $case: 'pairs', value: pairs }, predictor: { id } });

const ON_STREAM = {
  criterion: { id: 'magnitude' },
  compensation: { id: 'least-squares', options: { fit: 'stream' } },
} as const;

/** Pairs of two dimensions whose labels rise with the rates. */
function makePairs(labels: readonly number[]): DeepPartial<PairSet> {
  return {
    dimensions: ['layers.0.kv_heads', 'layers.0.ffn_channels'],
    pairs: labels.map((perplexity, i) => ({ rates: [i / 20, 0.5], metrics: { perplexity } })),
  };
}

/** The demo model with another configuration or other weights. */
async function makeModel(
  name: string,
  { config = {}, weights }: { readonly config?: object; readonly weights?: Uint8Array },
): Promise<void> {
  await cp(join(MODELS_ROOT, DEMO), verbs.path('models', name), { recursive: true });
  const own = JSON.parse(await readFile(join(MODELS_ROOT, DEMO, 'config.json'), 'utf8')) as object;
  await writeFile(verbs.path('models', name, 'config.json'), JSON.stringify({ ...own, ...config }));
  if (weights !== undefined) await writeFile(verbs.path('models', name, 'model.safetensors'), weights);
}

describe('a path', () => {
  it('of an unknown model is refused', async () => {
    expect(await refusalOf(verbs, evaluate({ model: 'no-such-model' }))).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'MODEL_NOT_FOUND',
      fields: ['model'],
    });
  });

  it.each([
    ['model', () => evaluate({ model: '../secret.txt' }), 'model'],
    ['model, absolute', () => prune({ model: '/etc' }), 'model'],
    [
      'text',
      () => evaluate({ measurement: { text: { source: { $case: 'path', value: '../secret.txt' } } } }),
      'measurement.text.path',
    ],
    ['output', () => prune({ output: '../escaped' }), 'output'],
    ['output of a search', () => search({ output: 'a/../../escaped' }), 'output'],
  ] as const)('outside the roots is refused: %s', async (_, call, field) => {
    expect(await refusalOf(verbs, call())).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'PATH_OUTSIDE_ROOTS',
      fields: [field],
    });
  });

  it('of a text that is not there is refused', async () => {
    expect(
      await refusalOf(verbs, evaluate({ measurement: { text: { source: { $case: 'path', value: 'none.txt' } } } })),
    ).toMatchObject({ code: 'NOT_FOUND', reason: 'TEXT_NOT_FOUND', fields: ['measurement.text.path'] });
  });

  it.each([
    ['a folder', 'folder', 'is a folder'],
    ['a named pipe', 'pipe', 'is a named pipe'],
    ['6,000 characters', 'x/'.repeat(3000), 'at most 4,096'],
    ['links in a circle', 'circle', 'in a circle'],
    ['a NUL', 'a\0b', 'NUL'],
  ])('of a text that can be no file is refused by name: %s', async (_, path, words) => {
    expect(
      await refusalOf(verbs, evaluate({ measurement: { text: { source: { $case: 'path', value: path } } } })),
    ).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['measurement.text.path'],
      message: expect.stringContaining(words) as string,
    });
  });

  it('of a folder with other files is refused without a word of overwriting it, which would be refused too', async () => {
    expect(await refusalOf(verbs, prune({ output: 'taken' }))).toMatchObject({
      reason: 'OUTPUT_PROTECTED',
      fields: ['output'],
      message: expect.stringContaining('`overwrite` does not replace that') as string,
    });
    expect(await refusalOf(verbs, search({ output: 'taken' }))).toMatchObject({
      reason: 'OUTPUT_PROTECTED',
      fields: ['output'],
    });
    expect(await readFile(verbs.path('outputs', 'taken', 'precious.txt'), 'utf8')).toBe('text');
  });
});

describe('a checkpoint', () => {
  const malformed = {
    code: 'INVALID_ARGUMENT',
    reason: 'MODEL_MALFORMED',
    fields: ['model'],
    metadata: { file: 'model.safetensors' },
  };

  it('with a truncated header is refused', async () => {
    await makeModel('truncated', {
      weights: (await readWeights(join(MODELS_ROOT, DEMO, 'model.safetensors'))).bytes.subarray(0, 1000),
    });
    expect(await refusalOf(verbs, prune({ model: 'truncated' }))).toMatchObject({
      ...malformed,
      message: expect.stringContaining('truncated'),
    });
  });

  it('with truncated values is refused', async () => {
    const { bytes } = await readWeights(join(MODELS_ROOT, DEMO, 'model.safetensors'));
    await makeModel('short', { weights: bytes.subarray(0, bytes.length - 4) });
    expect(await refusalOf(verbs, evaluate({ model: 'short' }))).toMatchObject({
      ...malformed,
      message: expect.stringContaining('truncated'),
    });
  });

  it('whose header claims a huge size is refused before anything is allocated for it', async () => {
    const weights = Buffer.from((await readWeights(join(MODELS_ROOT, DEMO, 'model.safetensors'))).bytes);
    weights.writeBigUInt64LE(2n ** 62n, 0);
    await makeModel('huge', { weights });
    const before = process.memoryUsage().rss;
    expect(await refusalOf(verbs, prune({ model: 'huge' }))).toMatchObject({
      ...malformed,
      message: expect.stringContaining(String(2n ** 62n)),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 27);
  });

  it('with overlapping tensors is refused', async () => {
    const { header, values } = await readWeights(join(MODELS_ROOT, DEMO, 'model.safetensors'));
    const [, second] = Object.entries(header).toSorted(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
    if (second === undefined) throw new Error('the demo model has one tensor');
    const [
      name,
      {
        data_offsets: [from, to],
        ...rest
      },
    ] = second;
    await makeModel('overlapping', {
      weights: packSafetensors({ ...header, [name]: { ...rest, data_offsets: [from - 4, to - 4] } }, values),
    });
    expect(await refusalOf(verbs, prune({ model: 'overlapping' }))).toMatchObject({
      ...malformed,
      metadata: { file: 'model.safetensors', tensor: name },
      message: expect.stringContaining('overlaps'),
    });
  });

  it('of an unsupported family is refused', async () => {
    await makeModel('other-family', { config: { model_type: 'gpt2' } });
    expect(await refusalOf(verbs, search({ model: 'other-family' }))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'MODEL_UNSUPPORTED',
      fields: ['model'],
      message: expect.stringContaining('llama'),
    });
  });
});

describe('an architecture', () => {
  const whole = demoLayers([
    [4, 172],
    [4, 172],
    [4, 172],
    [4, 172],
    [4, 172],
  ]);
  const invalid = { code: 'INVALID_ARGUMENT', reason: 'ARCHITECTURE_INVALID' };

  it('with more heads than the model has is refused', async () => {
    const layers = whole.with(2, { kvHeads: 5, queryHeadsPerKv: 2, ffnChannels: 172 });
    expect(await refusalOf(verbs, prune({ selection: architecture(layers) }))).toMatchObject({
      ...invalid,
      fields: ['architecture.layers[2].kv_heads'],
    });
    expect(
      await refusalOf(
        verbs,
        evaluate({ targets: [{ target: { $case: 'dense', value: {} } }, { target: architecture(layers) }] }),
      ),
    ).toMatchObject({ ...invalid, fields: ['targets[1].architecture.layers[2].kv_heads'] });
  });

  it('with a wrong number of layers is refused', async () => {
    expect(await refusalOf(verbs, prune({ selection: architecture(whole.slice(1)) }))).toMatchObject({
      ...invalid,
      fields: ['architecture.layers'],
    });
  });

  it.each([
    [4, 3],
    [4, 0],
    [0, 1],
  ])(
    'with %i groups of %i query heads, where the model has groups of two, is refused',
    async (kvHeads, queryHeadsPerKv) => {
      expect(
        await refusalOf(
          verbs,
          prune({ selection: architecture(whole.with(0, { kvHeads, queryHeadsPerKv, ffnChannels: 172 })) }),
        ),
      ).toMatchObject({ ...invalid, fields: ['architecture.layers[0].query_heads_per_kv'] });
    },
  );

  it('of kept units that the model does not have is refused', async () => {
    const { layers } = encodeUnits(whole.map(() => ({ kvGroups: [0], queryHeads: [0, 1], ffnChannels: [7] })));
    const selection = (ffnChannels: Buffer) =>
      ({
        $case: 'keptUnits',
        value: { layers: layers.with(3, { ...(layers[3] as LayerKeptUnits), ffnChannels }) },
      }) as const;
    const refused = { ...invalid, fields: ['kept_units.layers[3].ffn_channels'] };
    const withUnit = encodeUnits([{ kvGroups: [], queryHeads: [], ffnChannels: [172] }]).layers[0]?.ffnChannels;
    expect(await refusalOf(verbs, prune({ selection: selection(withUnit ?? Buffer.of()) }))).toMatchObject(refused);
    expect(await refusalOf(verbs, prune({ selection: selection(Buffer.alloc(131_073)) }))).toMatchObject(refused);
  });
});

describe('a budget that no architecture meets', () => {
  it('is refused by Search with the nearest that can be met', async () => {
    // At a rate of 0.5, 2 of 4 groups and 86 of 172 channels stay.
    const nearest = 146_752; // 512 x 64 + 64 + 5 x (128 + 2 x 64 x 32 + 2 x 64 x 16 + 3 x 64 x 86)
    expect(
      await refusalOf(
        verbs,
        search({
          space: { protectedLayers: { layers: [] }, maxRate: 0.5 },
          budgets: [{ limit: { $case: 'atMost', value: nearest - 1 } }],
        }),
      ),
    ).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'BUDGET_INFEASIBLE',
      fields: ['budgets[0]'],
      metadata: { nearest: String(nearest), limit: String(nearest - 1) },
    });
  });

  it('is refused by Prune with the nearest that can be met', async () => {
    const nearest = 49_792; // one group and one channel: 512 x 64 + 64 + 5 x (128 + 2 x 64 x 16 + 2 x 64 x 8 + 3 x 64)
    const budgets = [
      { limit: { $case: 'removedShare', value: 0.1 } },
      { kind: BudgetKind.PARAMETERS, limit: { $case: 'atMost', value: 1000 } },
    ] as const;
    expect(
      await refusalOf(verbs, prune({ selection: { $case: 'budgets', value: { budgets: [...budgets] } } })),
    ).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'BUDGET_INFEASIBLE',
      fields: ['budgets.budgets[1]'],
      metadata: { nearest: String(nearest), limit: '1000' },
    });
  });

  it('of an impossible share is refused by its field', async () => {
    expect(await refusalOf(verbs, search({ budgets: [{ limit: { $case: 'removedShare', value: 1 } }] }))).toMatchObject(
      { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: ['budgets[0].removed_share'] },
    );
  });
});

describe('a plug-in', () => {
  it('that is unknown is refused with those there are', async () => {
    expect(await refusalOf(verbs, search({ predictor: { id: 'oracle' } }))).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'PLUGIN_NOT_FOUND',
      fields: ['predictor.id'],
      metadata: { kind: 'predictor', id: 'oracle', known: expect.stringContaining('xgboost') },
    });
    expect(await refusalOf(verbs, prune({ exporter: { id: 'floppy' } }))).toMatchObject({
      reason: 'PLUGIN_NOT_FOUND',
      fields: ['exporter.id'],
    });
  });

  it.each([
    [
      'a value out of bounds',
      () => search({ predictor: { id: 'xgboost', options: { depth: 0 } } }),
      'predictor.options.depth',
    ],
    [
      'an option that is not there',
      () =>
        evaluate({
          recipe: { criterion: { id: 'magnitude', options: { nrom: 'l1' } } },
          targets: [{ target: { $case: 'uniformRate', value: 0.5 } }],
        }),
      'recipe.criterion.options.nrom',
    ],
  ] as const)('with a bad option is refused by the path of its field: %s', async (_, call, field) => {
    expect(await refusalOf(verbs, call())).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_OPTIONS',
      fields: [field],
    });
  });

  it.each([
    ['Search', () => search({ recipes: [ON_STREAM] }), 'recipes[0].compensation.options.fit'],
    [
      'SamplePairs',
      () => () => verbs.client.services.pairs.samplePairs({ search: smallSearch({ recipes: [ON_STREAM] }) }),
      'recipes[0].compensation.options.fit',
    ],
  ] as const)('that compensates each architecture anew is refused for labels of many: %s', async (_, call, field) => {
    const refusal = await refusalOf(verbs, call());
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_OPTIONS', fields: [field] });
    expect(refusal.message).toContain('COMPENSATION_FIT_STREAM');
  });
});

describe('a text', () => {
  it('shorter than one window is refused with both numbers', async () => {
    expect(await refusalOf(verbs, evaluate({ measurement: { text: tokenText([1, 403, 407]) } }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'TEXT_TOO_SHORT',
      fields: ['measurement.text'],
      metadata: { tokens: '3', needed: '128' },
    });
    // Three windows leave none for the last quarter or the third.
    expect(await refusalOf(verbs, search({ texts: { text: referenceWindows(0, 1) } }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'TEXT_TOO_SHORT',
      fields: ['texts.text'],
    });
  });

  it('shorter than its calibration is refused with both numbers', async () => {
    expect(
      await refusalOf(
        verbs,
        prune({ recipe: { criterion: { id: 'wanda' }, calibration: { text: referenceWindows(0, 4), sequences: 4 } } }),
      ),
    ).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'TEXT_TOO_SHORT',
      fields: ['recipe.calibration.text'],
      metadata: { needed: '640', available: '512' },
    });
  });

  it('is asked for where a calibrated criterion has none', async () => {
    expect(await refusalOf(verbs, prune({ recipe: { criterion: { id: 'wanda' } } }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['recipe.calibration.text'],
    });
  });

  it('with a token outside the vocabulary is refused by its place', async () => {
    const ids = CRITERIA.evaluation_ids.flat().with(5, 512);
    expect(await refusalOf(verbs, evaluate({ measurement: { text: tokenText(ids) } }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['measurement.text.token_ids.ids[5]'],
      message: expect.stringContaining('511'),
    });
  });

  it('of the calibration that is reported on too is refused', async () => {
    const texts = {
      calibration: referenceWindows(0, 16),
      search: referenceWindows(16, 20),
      verify: referenceWindows(20, 24),
      report: referenceWindows(0, 16),
    };
    expect(await refusalOf(verbs, search({ texts, recipes: [{ criterion: { id: 'wanda' } }] }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'WINDOWS_OVERLAP',
      fields: ['texts.calibration'],
    });
    const { calibration, ...others } = texts;
    expect(
      await refusalOf(
        verbs,
        search({ texts: others, recipes: [{ criterion: { id: 'wanda' }, calibration: { text: calibration } }] }),
      ),
    ).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'WINDOWS_OVERLAP', fields: ['recipes[0].calibration.text'] });
  });

  it('of the search that is reported on too is refused', async () => {
    expect(
      await refusalOf(
        verbs,
        search({
          texts: { search: referenceWindows(0, 16), verify: referenceWindows(16, 20), report: referenceWindows(0, 16) },
        }),
      ),
    ).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'WINDOWS_OVERLAP', fields: ['texts.report'] });
  });

  it('with a token limit below one window is refused by the limit', async () => {
    expect(await refusalOf(verbs, evaluate({ fidelity: { tokenLimit: 100n } }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['fidelity.token_limit'],
    });
  });
});

describe('work that the memory budget can never hold', () => {
  it('is refused before there is a job, with both numbers', async () => {
    const memoryBudgetBytes = 64 * 2 ** 20;
    await using small = await startVerbServer({ config: { memoryBudgetBytes } });
    const calibration = { text: REFERENCE_TEXT, sequences: 4, sequenceTokens: 512 };
    const request: DeepPartial<EvaluateRequest> = {
      model: DEMO,
      targets: [{ target: { $case: 'uniformRate', value: 0.25 } }],
      measurement: { text: REFERENCE_TEXT },
      fidelity: { tokenLimit: 128n },
    };
    const refusal = await refusalOf(small, () =>
      small.client.runEvaluate({
        ...request,
        recipe: { criterion: { id: 'taylor' }, compensation: { id: 'none' }, calibration },
      }),
    );
    expect(refusal).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'MEMORY_EXCEEDED',
      metadata: { budget_bytes: String(memoryBudgetBytes) },
    });
    expect(Number(refusal.metadata['needed_bytes'])).toBeGreaterThan(memoryBudgetBytes);
    const [fits] = await small.client.runEvaluate({
      ...request,
      recipe: {
        criterion: { id: 'taylor' },
        compensation: { id: 'none' },
        calibration: { ...calibration, sequenceTokens: 64 },
      },
    });
    expect(fits?.metrics['perplexity']).toBeGreaterThan(1);
  });
});

describe('a window', () => {
  // The demo model's config.json has max_position_embeddings 512.
  it.each([
    [
      'Evaluate',
      () => evaluate({ measurement: { text: REFERENCE_TEXT, windows: { window: 513 } } }),
      'measurement.windows.window',
    ],
    ['Search', () => search({ windows: { window: 1024 } }), 'windows.window'],
    [
      'calibration',
      () =>
        prune({
          recipe: {
            criterion: { id: 'wanda' },
            calibration: { text: REFERENCE_TEXT, sequenceTokens: 513, sequences: 2 },
          },
        }),
      'recipe.calibration.sequence_tokens',
    ],
  ] as const)('beyond the positions that the model was made for is refused: %s', async (_, call, field) => {
    expect(await refusalOf(verbs, call())).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: [field],
      message: expect.stringContaining('512'),
    });
  });

  it('of all positions that the model was made for is measured', async () => {
    const [result] = await evaluate({
      measurement: { text: REFERENCE_TEXT, windows: { window: 512 } },
      fidelity: { tokenLimit: 512n },
    })();
    expect(result?.metrics['perplexity']).toBeLessThan(8);
  });
});

describe('pairs', () => {
  it('with a label that is not a number are refused by the first at fault', async () => {
    expect(await refusalOf(verbs, fit(makePairs([5, 6, 7, NaN, 9, NaN])))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'PAIRS_INVALID',
      fields: ['pairs.pairs[3].metrics.perplexity'],
    });
  });

  it('with an infinite label, or one without a logarithm, are refused by the first at fault', async () => {
    for (const label of [Infinity, -Infinity, 0, -1]) {
      expect(await refusalOf(verbs, fit(makePairs([5, 6, label, 8])))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason: 'PAIRS_INVALID',
        fields: ['pairs.pairs[2].metrics.perplexity'],
      });
    }
  });

  it('of one row are refused, and more rows than the predictor takes too', async () => {
    expect(await refusalOf(verbs, fit(makePairs([5])))).toMatchObject({
      reason: 'PAIRS_TOO_FEW',
      metadata: { pairs: '1' },
    });
    const many = makePairs(Array.from({ length: 2001 }, (_, row) => 5 + row));
    const pairs = (many.pairs ?? []).map((pair, row) => ({ ...pair, rates: [row / 2001, 0.5] }));
    expect(await refusalOf(verbs, fit({ ...many, pairs }, 'random-forest'))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'PAIRS_TOO_MANY',
      fields: ['pairs.pairs'],
      metadata: { pairs: '2001', most: '2000' },
    });
  });

  it('of constant labels give a predictor of that constant, whose ranking is not a number', async () => {
    const predictor = await fit(makePairs(Array.from({ length: 12 }, () => 7)))();
    expect(predictor.quality[0]).toMatchObject({ kendallTau: NaN, spearman: NaN, rmse: expect.closeTo(0, 9) });
    const encodings = { dimensions: 2, rates: Buffer.from(Float32Array.of(0.3, 0.1).buffer) };
    const { predictions } = await verbs.client.predict({ predictorId: predictor.id, encodings });
    expect(predictions[0]).toMatchObject({
      mean: [expect.closeTo(7, 9)],
      low: [expect.closeTo(7, 9)],
      high: [expect.closeTo(7, 9)],
    });
  });

  it('of equal rows and different labels are taken as measurements that differ', async () => {
    const pairs = Array.from({ length: 20 }, (_, row) => ({
      rates: [(row >> 1) / 20, 0.5],
      metrics: { perplexity: Math.exp(1 + (row >> 1) / 20 + (row % 2 === 0 ? 0.1 : -0.1)) },
    }));
    const predictor = await fit({ dimensions: ['layers.0.kv_heads', 'layers.0.ffn_channels'], pairs })();
    const { predictions } = await verbs.client.predict({
      predictorId: predictor.id,
      encodings: { dimensions: 2, rates: Buffer.from(Float32Array.of(0.25, 0.5).buffer) },
    });
    expect(Math.log(predictions[0]?.mean[0] ?? NaN)).toBeCloseTo(1.25, 1); // between the two labels
  });

  it('fewer than the predictor needs are refused with both numbers', async () => {
    expect(await refusalOf(verbs, fit(makePairs([5, 6, 7]), 'xgboost'))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'PAIRS_TOO_FEW',
      fields: ['pairs.pairs'],
      metadata: { pairs: '3', least: '4' },
    });
    expect(await refusalOf(verbs, search({ pairs: { count: 4, insideCount: 0 } }))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'PAIRS_TOO_FEW',
      fields: ['pairs.count'],
    });
  });

  it('with a dimension that is named twice are refused', async () => {
    expect(await refusalOf(verbs, fit({ ...makePairs([5, 6, 7, 8]), dimensions: ['a', 'a'] }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      fields: ['pairs.dimensions[1]'],
    });
  });

  it('whose rates do not fit the dimensions are refused', async () => {
    expect(
      await refusalOf(verbs, fit({ dimensions: ['a', 'b', 'c'], pairs: makePairs([5, 6, 7, 8]).pairs ?? [] })),
    ).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'PAIRS_INVALID', fields: ['pairs.pairs[0].rates'] });
  });
});

describe('a seed', () => {
  it('that float64 does not hold is refused: another one would draw the same', async () => {
    const seed = 2n ** 60n;
    const invalid = { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' };
    expect(await refusalOf(verbs, search({ seed }))).toMatchObject({ ...invalid, fields: ['seed'] });
    expect(await refusalOf(verbs, prune({ recipe: { ...MAGNITUDE, seed } }))).toMatchObject({
      ...invalid,
      fields: ['recipe.seed'],
    });
    expect(
      await refusalOf(verbs, () =>
        verbs.client.runFitPredictor({ source: { $case: 'pairs', value: makePairs([5, 6, 7, 8]) }, seed }),
      ),
    ).toMatchObject({ ...invalid, fields: ['seed'] });
  });
});

describe('a request id', () => {
  it('of another request is refused', async () => {
    const requestId = 'once';
    await evaluate({ requestId })();
    expect(
      await refusalOf(verbs, evaluate({ requestId, measurement: { text: referenceWindows(1, 3) } })),
    ).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED', fields: ['request_id'] });
    expect(await refusalOf(verbs, prune({ requestId }))).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'REQUEST_ID_REUSED',
      fields: ['request_id'],
    });
  });
});
