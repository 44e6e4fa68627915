import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Control,
  TrialRole,
  type Architecture,
  type DeepPartial,
  type PruneRequest,
  type SearchRequest,
} from '../../../src/client/index.js';
import {
  countDemoParameters,
  DEMO,
  demoLayers,
  listTrials,
  MAGNITUDE,
  refusalOf,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

const Q8 = { id: 'gguf', options: { type: 'q8_0' } };
const STOCK = { id: 'hf', options: { form: 'stock' } };
const LIMIT = 0.8 * 260_032;

/** Whether rows of all matrices of the demo model consist of blocks of 32 values; its heads have 8, two a group. */
const hasBlocks = (architecture: Architecture | undefined): boolean =>
  architecture?.layers.every(
    ({ kvHeads, queryHeadsPerKv, ffnChannels }) => ffnChannels % 32 === 0 && (kvHeads * queryHeadsPerKv * 8) % 32 === 0,
  ) ?? false;

/** Architectures as plain counts, each once. */
const distinct = (architectures: readonly (Architecture | undefined)[]): string[] => [
  ...new Set(architectures.map((architecture) => JSON.stringify(architecture?.layers))),
];

describe('a search for what an exporter can write', () => {
  it('makes only such architectures, controls among them, and spends the budget as far as they allow', async () => {
    const report = await verbs.client.runSearch(
      smallSearch({
        exporter: Q8,
        output: 'q8',
        pairs: { count: 14, rungs: [{ tokenLimit: 128n }] },
        candidates: 100n,
        rounds: 2,
      }),
    );
    const trials = await listTrials(verbs.client, report.studyId);
    const made = trials.filter(({ role }) => role !== TrialRole.DENSE).map(({ architecture }) => architecture);
    expect(distinct(made).length).toBeGreaterThan(10);
    expect(made.filter((architecture) => !hasBlocks(architecture))).toEqual([]);
    expect(report.controls.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['uniform-paper', 'uniform-best', 'global-threshold']),
    );
    // All that has 2 or 4 groups and 96, 128 or 160 channels in each layer, counted by hand.
    const layer = [2, 4].flatMap((kvHeads) => [96, 128, 160].map((channels) => [kvHeads, channels] as const));
    const sizes = layer.flatMap((one) =>
      layer.flatMap((two) =>
        layer.flatMap((three) =>
          layer.flatMap((four) => layer.map((five) => countDemoParameters(demoLayers([one, two, three, four, five])))),
        ),
      ),
    );
    const most = Math.max(...sizes.filter((size) => size <= LIMIT));
    expect(Number(report.winner?.parameters)).toBeGreaterThan(0.98 * most);
    expect(Number(report.winner?.parameters)).toBeLessThanOrEqual(most);
  });

  it('keeps to all layers alike for a form that needs it, with the target of the space alone', async () => {
    const { study } = await verbs.client
      .runSamplePairs({
        search: smallSearch({
          space: { exporter: STOCK },
          pairs: { count: 12, rungs: [{ tokenLimit: 128n }] },
          controls: [Control.UNIFORM_PAPER],
        }),
      })
      .then(async ({ studyId }) => ({ study: await listTrials(verbs.client, studyId) }));
    expect(study.length).toBeGreaterThan(8);
    for (const { architecture } of study) {
      const [first] = architecture?.layers ?? [];
      expect(architecture?.layers).toEqual(Array.from({ length: 5 }, () => first));
      expect(first?.kvHeads).toBeGreaterThan(0);
    }
  });

  it.each<[string, DeepPartial<SearchRequest>, string, string, RegExp]>([
    [
      'a layer that stays as it is, and cannot be written',
      { exporter: Q8, output: 'never', space: { protectedLayers: { layers: [2] } } },
      'EXPORT_UNSUPPORTED',
      'exporter',
      /the FFN channels of layer 2 are 172; keep a multiple of 32.*Change the space/,
    ],
    [
      'a protected layer where all are to be alike',
      { space: { exporter: STOCK, protectedLayers: { layers: [0] } } },
      'SPACE_INVALID',
      'space.protected_layers',
      /the exporter "hf" \(space\.exporter\) needs layers that are all alike/,
    ],
    [
      'an exporter that there is not',
      { space: { exporter: { id: 'ggml' } } },
      'PLUGIN_NOT_FOUND',
      'space.exporter.id',
      /no exporter has the id "ggml"/,
    ],
  ])('is refused beforehand with %s', async (_, changes, reason, field, message) => {
    const refused = await refusalOf(verbs, () => verbs.client.runSearch(smallSearch(changes)));
    expect(refused).toMatchObject({ reason, message: expect.stringMatching(message) as string });
    expect(refused.fields).toEqual([field]);
  });
});

const plan = async (changes: DeepPartial<PruneRequest>) =>
  (await verbs.client.services.pruning.planPrune({ model: DEMO, recipe: MAGNITUDE, ...changes })).plan;

describe('a prune for what an exporter can write', () => {
  it('takes the nearest counts to a rate that it can write', async () => {
    // 172 x 0.75 = 129 lies nearest to 4 x 32, and 4 x 0.75 = 3 groups half way between 2 and 4.
    const expected = { layers: demoLayers(Array.from({ length: 5 }, () => [4, 128] as const)) };
    for (const changes of [{ exporter: Q8 }, { space: { exporter: Q8 } }])
      expect((await plan({ ...changes, selection: { $case: 'uniformRate', value: 0.25 } }))?.architectures).toEqual([
        expected,
      ]);
  });

  it('refuses counts that it cannot write, if they are named', async () => {
    const architecture = { layers: demoLayers(Array.from({ length: 5 }, () => [4, 100] as const)) };
    const refused = await refusalOf(verbs, () =>
      plan({ space: { exporter: Q8 }, selection: { $case: 'architecture', value: architecture } }),
    );
    expect(refused).toMatchObject({ reason: 'EXPORT_UNSUPPORTED', fields: ['space.exporter'] });
    expect(refused.message).toContain('the FFN channels of layer 0 are 100');
  });
});
