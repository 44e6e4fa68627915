import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BudgetKind,
  type Cost,
  type DeepPartial,
  type EvaluateTarget,
  type PruneRequest,
} from '../../../src/client/index.js';
import { MANIFEST } from '../../../src/server/requests/manifest-schema.js';
import { CRITERIA, keptUnitsOf } from '../../support/criteria-reference.js';
import {
  CALIBRATION,
  countDemoParameters,
  DEMO,
  demoLayers,
  encodeUnits,
  MAGNITUDE,
  MODELS_ROOT,
  REFERENCE_TEXT,
  readWeights,
  refusalOf,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

type Selection = NonNullable<DeepPartial<PruneRequest>['selection']>;

/** Perplexity on the reference windows; of the written model, or of a target of the demo model. */
async function measure(
  model: string,
  target?: DeepPartial<EvaluateTarget>['target'],
  recipe: DeepPartial<PruneRequest>['recipe'] = MAGNITUDE,
): Promise<number> {
  const [result] = await verbs.client.runEvaluate({
    model,
    recipe,
    measurement: { text: REFERENCE_TEXT },
    fidelity: { tokenLimit: 1024n },
    ...(target === undefined ? {} : { targets: [{ target }] }),
  });
  return result?.metrics['perplexity'] ?? NaN;
}

/** Groups that keep one of their two query heads, beside whole, fewer and dropped ones. */
const SINGLE = [
  [4, 1, 172],
  [2, 1, 90],
  [0, 0, 172],
  [3, 2, 0],
  [4, 1, 60],
].map(([kvHeads = 0, queryHeadsPerKv = 0, ffnChannels = 0]) => ({ kvHeads, queryHeadsPerKv, ffnChannels }));
const LAYERS = demoLayers([
  [4, 172],
  [0, 100],
  [3, 0],
  [1, 80],
  [4, 171],
]);
/** All layers, down to nothing. */
const FREE = { protectedLayers: { layers: [] }, maxRate: 1 };
const RATES = [0, 0.3, 0.25, 0.5, 0.5, 0.1, 0, 0, 0.75, 0.2];
const UNITS = keptUnitsOf(
  CRITERIA.pruned.find(({ name, criterion }) => name === 'dropped-blocks' && criterion === 'wanda') ??
    CRITERIA.pruned[0] ??
    never(),
);

function never(): never {
  throw new Error('the reference has no pruned models');
}

function bytesOf(costs: readonly Cost[]): number | undefined {
  return costs.find(({ kind }) => kind === BudgetKind.WEIGHT_BYTES)?.value;
}

/** The demo model at one rate everywhere: floor(n (1 - rate) + 0.5) of each kind. */
function uniform(rate: number): ReturnType<typeof demoLayers> {
  return demoLayers(
    Array.from({ length: 5 }, () => [Math.floor(4 * (1 - rate) + 0.5), Math.floor(172 * (1 - rate) + 0.5)] as const),
  );
}

describe('Prune', () => {
  it.each([
    ['an architecture with dropped half-blocks', { $case: 'architecture', value: { layers: LAYERS } }, LAYERS],
    ['an architecture of fewer query heads', { $case: 'architecture', value: { layers: SINGLE } }, SINGLE],
    [
      'a uniform rate',
      { $case: 'uniformRate', value: 0.25 },
      demoLayers([
        [3, 129],
        [3, 129],
        [3, 129],
        [3, 129],
        [3, 129],
      ]),
    ],
    // kept = floor(n (1 - rate) + 0.5): 172 x 0.7 + 0.5 = 120.9, 172 x 0.9 + 0.5 = 155.3, 172 x 0.8 + 0.5 = 138.1
    [
      'rates by dimension',
      { $case: 'dimensionRates', value: { rates: RATES } },
      demoLayers([
        [4, 120],
        [3, 86],
        [2, 155],
        [4, 172],
        [1, 138],
      ]),
    ],
    [
      'kept units',
      { $case: 'keptUnits', value: encodeUnits(UNITS) },
      UNITS.map(({ kvGroups, ffnChannels }) => ({
        kvHeads: kvGroups.length,
        queryHeadsPerKv: kvGroups.length === 0 ? 0 : 2,
        ffnChannels: ffnChannels.length,
      })),
    ],
  ] as const)('writes, of %s, the model that Evaluate measures', async (name, selection, layers) => {
    const output = name.replaceAll(' ', '-');
    const written = await verbs.client.runPrune({
      model: DEMO,
      recipe: MAGNITUDE,
      selection: selection as Selection,
      output,
    });
    expect(written.architecture?.layers).toEqual(layers);
    expect(written.costs[0]?.value).toBe(countDemoParameters(layers));
    expect(written.files).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'prunecast.json', 'tokenizer.json']),
    );
    const weights = await readWeights(verbs.path('outputs', output, 'model.safetensors'));
    const stored = Object.values(weights.header).reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    expect(stored).toBe(countDemoParameters(layers));
    const asked = await measure(DEMO, selection as DeepPartial<EvaluateTarget>['target']);
    expect(Math.abs((await measure(output)) / asked - 1)).toBeLessThan(1e-5);
  });

  it('shares a budget out as one rate everywhere, the counts just past the lowest that meets it', async () => {
    const limit = Math.floor(0.8 * 260_032);
    const rate =
      Array.from({ length: 10_000 }, (_, index) => index / 10_000).find(
        (candidate) => countDemoParameters(uniform(candidate)) <= limit,
      ) ?? NaN;
    const written = await verbs.client.runPrune({
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'budgets', value: { budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }] } },
      output: 'budget',
    });
    expect(written).toMatchObject({ allocation: 'uniform-paper', architecture: { layers: uniform(rate) } });
    expect(JSON.parse(await readFile(verbs.path('outputs/budget/prunecast.json'), 'utf8'))).toMatchObject({
      allocation: 'uniform-paper',
    });
    expect(
      Math.abs(
        (await measure('budget')) / (await measure(DEMO, { $case: 'keptUnits', value: written.keptUnits ?? {} })) - 1,
      ),
    ).toBeLessThan(1e-5);
  });

  it('keeps a limit of weight bytes by what it writes, which is as wide as the checkpoint unless the request names a width', async () => {
    const limit = 450_000;
    const prune = async (output: string, bytesPerNumber?: number) => {
      const budget = {
        kind: BudgetKind.WEIGHT_BYTES,
        limit: { $case: 'atMost', value: limit },
        ...(bytesPerNumber !== undefined && { bytesPerNumber }),
      } as const;
      const written = await verbs.client.runPrune({
        model: DEMO,
        recipe: MAGNITUDE,
        space: FREE,
        selection: { $case: 'budgets', value: { budgets: [budget] } },
        output,
      });
      const { values } = await readWeights(verbs.path('outputs', output, 'model.safetensors'));
      expect(written.costs.find(({ kind }) => kind === BudgetKind.WEIGHT_BYTES)).toMatchObject({
        value: values.length,
        denseValue: 4 * 260_032,
      });
      return values.length;
    };
    const own = await prune('bytes'); // F32
    expect(own).toBeLessThanOrEqual(limit);
    expect(own).toBeGreaterThan(0.97 * limit);
    const halves = await prune('bytes-of-two', 2);
    expect(halves).toBeLessThanOrEqual(2 * limit);
    expect(halves).toBeGreaterThan(2 * 0.97 * limit);
  });

  it('plans and writes another dtype with the bytes that it has, and the perplexity of the source within its rounding', async () => {
    const request = {
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'architecture', value: { layers: LAYERS } },
      exporter: { id: 'hf', options: { dtype: 'bfloat16' } },
      output: 'in-bfloat16',
    } as const;
    const plan = await verbs.client.planPrune(request);
    const written = await verbs.client.runPrune(request);
    const { values } = await readWeights(verbs.path('outputs/in-bfloat16/model.safetensors'));
    expect(values.length).toBe(2 * countDemoParameters(LAYERS));
    expect([bytesOf(plan.costs), bytesOf(written.costs)]).toEqual(Array(2).fill(values.length));
    const asked = await measure(DEMO, request.selection);
    const change = Math.abs((await measure('in-bfloat16')) / asked - 1);
    expect(change).toBeGreaterThan(0);
    expect(change).toBeLessThan(2 ** -8); // half a step of a bfloat16 is 2^-9 of its value
  });

  it('refuses a width that a weight does not fit into by the name of the tensor, and writes nothing', async () => {
    const [large, weights] = [verbs.path('models/large'), verbs.path('models/large/model.safetensors')];
    await cp(join(MODELS_ROOT, DEMO), large, { recursive: true });
    const bytes = await readFile(weights);
    bytes.writeFloatLE(-70_000, bytes.length - 4);
    await writeFile(weights, bytes);
    const { header } = await readWeights(weights);
    const [last] = Object.entries(header).toSorted(([, a], [, b]) => b.data_offsets[1] - a.data_offsets[1]);
    const pruned = verbs.client.runPrune({
      model: 'large',
      recipe: MAGNITUDE,
      selection: { $case: 'uniformRate', value: 0.25 },
      exporter: { id: 'hf', options: { dtype: 'float16' } },
      output: 'too-large',
    });
    await expect(pruned).rejects.toMatchObject({
      reason: 'VALUES_OUT_OF_RANGE',
      message: expect.stringMatching(/-70000, which F16 cannot hold: write the output as BF16 or F32/) as unknown,
      metadata: { tensor: last?.[0], dtype: 'F16', value: '-70000' },
    });
    expect(await readdir(verbs.path('outputs'))).not.toContain('too-large');
  });

  it('reports rates that fell between two counts', async () => {
    const { snapped } = await verbs.client.runPrune({
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'dimensionRates', value: { rates: [0.3, ...RATES.slice(1)] } },
      output: 'snapped',
    });
    expect(snapped.find(({ dimension }) => dimension === 'layers.0.kv_heads')).toMatchObject({
      asked: 0.3,
      used: 0.25,
    });
    expect(snapped.map(({ dimension }) => dimension)).not.toContain('layers.1.kv_heads');
  });

  it('gives the model of its own manifest to the byte', async () => {
    const recipe = { criterion: { id: 'wanda' }, compensation: { id: 'none' }, calibration: CALIBRATION };
    const selection = { $case: 'architecture', value: { layers: LAYERS } } as const;
    await verbs.client.runPrune({ model: DEMO, recipe, selection, output: 'original' });
    const manifest = JSON.parse(await readFile(verbs.path('outputs/original/prunecast.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(MANIFEST.safeParse(manifest).error).toBeUndefined();
    await verbs.client.runPrune({
      model: DEMO,
      selection: { $case: 'manifest', value: manifest },
      output: 'from-manifest',
    });
    const weights = (output: string) => readFile(verbs.path('outputs', output, 'model.safetensors'));
    expect((await weights('from-manifest')).equals(await weights('original'))).toBe(true);
    await verbs.client.runPrune({
      model: DEMO,
      selection: { $case: 'earlierOutput', value: 'original' },
      output: 'from-earlier',
    });
    expect((await weights('from-earlier')).equals(await weights('original'))).toBe(true);
    const measured = await measure(DEMO, { $case: 'manifest', value: manifest });
    expect(measured).toBeCloseTo(await measure(DEMO, selection, recipe), 5);
    expect(await measure(DEMO, { $case: 'earlierOutput', value: 'original' })).toBe(measured);
  });

  it.each([
    ['is not there', 'no-such-output', 'OUTPUT_NOT_FOUND'],
    ['has no manifest', 'bare', 'OUTPUT_NOT_FOUND'],
    ['lies outside the output root', '../models', 'PATH_OUTSIDE_ROOTS'],
    ['is a link that leads outside', 'link', 'PATH_OUTSIDE_ROOTS'],
    ['has no name', '', 'INVALID_REQUEST'],
  ])('refuses an earlier output that %s', async (_, value, reason) => {
    await mkdir(verbs.path('outputs/bare'), { recursive: true });
    await symlink(verbs.path(), verbs.path('outputs/link')).catch(() => undefined);
    const selection = { $case: 'earlierOutput', value } as const;
    const prune = () => verbs.client.runPrune({ model: DEMO, selection, output: 'of-none' });
    expect(await refusalOf(verbs, prune)).toMatchObject({ reason, fields: ['earlier_output'] });
    const targets = [{ target: selection }];
    expect(await refusalOf(verbs, () => verbs.client.runEvaluate({ model: DEMO, targets }))).toMatchObject({
      reason,
      fields: ['targets[0].earlier_output'],
    });
  });

  it('replaces an output only if asked to', async () => {
    const prune = (rate: number, overwrite: boolean) =>
      verbs.client.runPrune({
        model: DEMO,
        recipe: MAGNITUDE,
        selection: { $case: 'uniformRate', value: rate },
        output: 'replaced',
        overwrite,
      });
    await prune(0.25, false);
    await expect(prune(0.5, false)).rejects.toMatchObject({ reason: 'OUTPUT_EXISTS' });
    expect(
      (await verbs.client.services.models.inspectModel({ model: 'replaced' })).architecture?.layers[0]?.kvHeads,
    ).toBe(3);
    await prune(0.5, true);
    expect(
      (await verbs.client.services.models.inspectModel({ model: 'replaced' })).architecture?.layers[0]?.kvHeads,
    ).toBe(2);
    expect((await readdir(verbs.path('outputs'))).filter((name) => name.includes('replaced'))).toEqual(['replaced']);
  });

  it('plans without a job or an output', async () => {
    const before = await verbs.client.services.jobs.listJobs({});
    const plan = await verbs.client.planPrune({
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'architecture', value: { layers: LAYERS } },
      output: 'planned',
    });
    expect(plan).toMatchObject({ trials: 0n, tokens: 0n, architectures: [{ layers: LAYERS }] });
    expect(plan.costs[0]?.value).toBe(countDemoParameters(LAYERS));
    expect(plan.loadsIn).not.toEqual([]);
    expect((await verbs.client.services.jobs.listJobs({})).jobs).toEqual(before.jobs);
    expect(await readdir(verbs.path('outputs'))).not.toContain('planned');
  });
});
