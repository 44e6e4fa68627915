import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DimensionKind,
  ExportTarget,
  unpackUnits,
  type DeepPartial,
  type LayerArchitecture,
  type SearchRequest,
  type StudyReport,
} from '../../../src/client/index.js';
import {
  countDemoParameters,
  DEMO,
  listTrials,
  MAGNITUDE,
  REFERENCE_TEXT,
  readWeights,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

const { KV_HEADS, QUERY_HEADS_PER_KV, FFN_CHANNELS } = DimensionKind;
const DENSE = 260_032;

/** A search that writes its winner, whose trials keep within the budget and whose output measures as reported. */
async function search(
  output: string,
  space: DeepPartial<SearchRequest>['space'],
  changes: DeepPartial<SearchRequest> = {},
): Promise<{ report: StudyReport; layers: LayerArchitecture[]; explored: LayerArchitecture[][] }> {
  const report = await verbs.client.runSearch(smallSearch({ space, output, ...changes }));
  const layers = report.winner?.architecture?.layers ?? [];
  const trials = await listTrials(verbs.client, report.studyId);
  expect(trials.length).toBeGreaterThan(12);
  expect(Number(report.winner?.parameters)).toBeLessThan(DENSE);
  expect(Number(report.winner?.parameters)).toBe(countDemoParameters(layers));
  const weights = await readWeights(verbs.path('outputs', output, 'model.safetensors'));
  const stored = Object.values(weights.header).reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  expect(stored).toBe(countDemoParameters(layers));
  const measured = async (model: string, kept?: StudyReport['winnerUnits']): Promise<number> => {
    const targets = kept === undefined ? [] : [{ target: { $case: 'keptUnits', value: kept } as const }];
    const [result] = await verbs.client.runEvaluate({
      model,
      targets,
      measurement: { text: REFERENCE_TEXT },
      fidelity: { tokenLimit: 512n },
    });
    return result?.metrics['perplexity'] ?? NaN;
  };
  expect(Math.abs((await measured(output)) / (await measured(DEMO, report.winnerUnits)) - 1)).toBeLessThan(1e-5);
  return { report, layers, explored: trials.map(({ architecture }) => architecture?.layers ?? []) };
}

const readConfig = async (output: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(verbs.path('outputs', output, 'config.json'), 'utf8')) as Record<string, unknown>;

describe('Search in a space', () => {
  it('with query heads inside groups as a dimension explores them, and writes them layer by layer', async () => {
    const kinds = [KV_HEADS, QUERY_HEADS_PER_KV, FFN_CHANNELS];
    const { dimensions } = await verbs.client.services.models.inspectModel({ model: DEMO, space: { kinds } });
    expect(dimensions.slice(0, 4).map(({ name }) => name)).toEqual([
      'layers.0.kv_heads',
      'layers.0.query_heads_per_kv',
      'layers.0.ffn_channels',
      'layers.1.kv_heads',
    ]);
    const { layers, explored, report } = await search(
      'heads',
      { kinds, protectedLayers: { layers: [] } },
      { strategy: { id: 'evolutionary' } },
    );
    const counts = new Set(explored.flatMap((trial) => trial.map(({ queryHeadsPerKv }) => queryHeadsPerKv)));
    expect(counts).toEqual(new Set([1, 2]));
    // Each kept group of the winner names as many query heads as its architecture says.
    report.winnerUnits?.layers.forEach(({ kvGroups, queryHeads }, layer) =>
      expect(unpackUnits(queryHeads).length).toBe(
        unpackUnits(kvGroups).length * (layers[layer]?.queryHeadsPerKv ?? NaN),
      ),
    );
    // Controls move groups and channels alone.
    for (const { architecture } of report.controls)
      expect(architecture?.layers.every(({ queryHeadsPerKv }) => queryHeadsPerKv === 2)).toBe(true);
  });

  it('of query heads alone moves nothing else, in controls too', async () => {
    const { explored } = await search(
      'heads-only',
      { kinds: [QUERY_HEADS_PER_KV], protectedLayers: { layers: [] } },
      {
        budgets: [{ limit: { $case: 'removedShare', value: 0.02 } }],
        pairs: { count: 16, band: 0.6, rungs: [{ tokenLimit: 256n }] },
        refine: { disabled: true },
      },
    );
    for (const trial of explored)
      for (const { kvHeads, ffnChannels } of trial) expect([kvHeads, ffnChannels]).toEqual([4, 172]);
  });

  it('that reaches rate 1 drops half-blocks and layers', async () => {
    const { explored } = await search(
      'dropped',
      { protectedLayers: { layers: [] }, maxRate: 1, rateStep: 0.5 },
      { budgets: [{ limit: { $case: 'removedShare', value: 0.4 } }] },
    );
    const all = explored.flat();
    expect(all.some(({ kvHeads, queryHeadsPerKv }) => kvHeads === 0 && queryHeadsPerKv === 0)).toBe(true);
    expect(all.some(({ ffnChannels }) => ffnChannels === 0)).toBe(true);
  });

  it('for export target uniform makes all layers alike, none protected, and writes a stock model', async () => {
    const { explored, layers, report } = await search(
      'alike',
      { target: ExportTarget.UNIFORM, kinds: [KV_HEADS, QUERY_HEADS_PER_KV, FFN_CHANNELS] },
      { pairs: { count: 8, rungs: [{ tokenLimit: 256n }] }, refine: { disabled: true } },
    );
    for (const trial of explored) expect(new Set(trial.map((layer) => JSON.stringify(layer))).size).toBe(1);
    const config = await readConfig('alike');
    expect(config).toMatchObject({
      num_key_value_heads: layers[0]?.kvHeads,
      num_attention_heads: (layers[0]?.kvHeads ?? NaN) * (layers[0]?.queryHeadsPerKv ?? NaN),
      intermediate_size: layers[0]?.ffnChannels,
    });
    expect(config['auto_map']).toBeUndefined();
    expect(report.output).toBe('alike');
  });

  it.each([32, 64])('of channel multiples of %i writes no other count', async (channelMultiple) => {
    const { explored, report } = await search(
      `multiples-${channelMultiple}`,
      { protectedLayers: { layers: [] }, channelMultiple, kinds: [KV_HEADS, FFN_CHANNELS], maxRate: 0.85 },
      { pairs: { count: 12, rungs: [{ tokenLimit: 256n }] }, refine: { disabled: true } },
    );
    const controls = new Set(report.controls.map(({ architecture }) => JSON.stringify(architecture?.layers)));
    const own = explored.filter(
      (trial) => !controls.has(JSON.stringify(trial)) && trial.some(({ ffnChannels }) => ffnChannels !== 172),
    );
    expect(own.length).toBeGreaterThan(10);
    report.winner?.architecture?.layers.forEach(({ ffnChannels }) => expect(ffnChannels % channelMultiple).toBe(0));
  });

  it('without key-value heads moves channels alone', async () => {
    const { explored } = await search('channels', { protectedLayers: { layers: [0] }, kinds: [FFN_CHANNELS] });
    for (const trial of explored) {
      expect(trial.every(({ kvHeads, queryHeadsPerKv }) => kvHeads === 4 && queryHeadsPerKv === 2)).toBe(true);
      expect(trial[0]?.ffnChannels).toBe(172);
    }
  });
});

describe('Evaluate and Prune in a space', () => {
  it('take one rate for query heads inside groups too, where they take part', async () => {
    const kinds = [KV_HEADS, QUERY_HEADS_PER_KV, FFN_CHANNELS];
    const layers = Array.from({ length: 5 }, () => ({ kvHeads: 2, queryHeadsPerKv: 1, ffnChannels: 86 }));
    const [result] = await verbs.client.runEvaluate({
      model: DEMO,
      recipe: MAGNITUDE,
      space: { kinds },
      targets: [{ target: { $case: 'uniformRate', value: 0.5 } }],
      measurement: { text: REFERENCE_TEXT },
      fidelity: { tokenLimit: 256n },
    });
    expect(result?.architecture?.layers).toEqual(layers);
    const written = await verbs.client.runPrune({
      model: DEMO,
      recipe: MAGNITUDE,
      space: { kinds },
      selection: { $case: 'uniformRate', value: 0.5 },
      output: 'halved',
    });
    expect(written.costs[0]?.value).toBe(countDemoParameters(layers));
    expect(await readConfig('halved')).toMatchObject({
      num_attention_heads: 2,
      num_key_value_heads: 2,
      intermediate_size: 86,
      head_dim: 8,
    });
  });
});
