import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DimensionKind,
  Dtype,
  type DeepPartial,
  type Recipe,
  type ScoreUnitsResponse,
} from '../../../src/client/index.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { CALIBRATION, DEMO, MAGNITUDE, startVerbServer, type VerbServer } from './verb-server.js';
import { loadFixturePlugin } from '../../support/fixture-plugins.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

describe('InspectModel', () => {
  it('describes the demo model', async () => {
    const found = await verbs.client.services.models.inspectModel({ model: DEMO });
    expect(found).toMatchObject({
      model: DEMO,
      family: 'llama',
      hidden: 64,
      headDim: 8,
      vocabulary: 512,
      tiedEmbeddings: true,
      // 512 x 64 + 64 and in each of five layers 2 norms of 64, q and o of 64 x 64, k and v of 64 x 32, gate, up and down of 64 x 172
      parameters: 260_032n,
      dtypes: [Dtype.F32],
      hasTokenizer: true,
      protectedLayers: [],
    });
    expect(found.architecture?.layers).toEqual(
      Array.from({ length: 5 }, () => ({ kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 172 })),
    );
    expect(found.dimensions.map(({ name }) => name)).toEqual(
      [0, 1, 2, 3, 4].flatMap((layer) => [`layers.${layer}.kv_heads`, `layers.${layer}.ffn_channels`]),
    );
    expect(
      found.loads.find(({ compensation, exporter, uniform }) => compensation === 'none' && exporter === 'hf' && uniform)
        ?.loadsIn,
    ).not.toEqual([]);
  });

  it('describes the space that it is asked for', async () => {
    const { dimensions, protectedLayers } = await verbs.client.services.models.inspectModel({
      model: DEMO,
      space: {
        protectedLayers: { layers: [0] },
        kinds: [DimensionKind.FFN_CHANNELS],
        tieRun: 3,
        minRate: 0.1,
        maxRate: 0.5,
        rateStep: 0.1,
      },
    });
    expect(protectedLayers).toEqual([0]);
    // 172 channels at rates 0.1 to 0.5 in steps of 0.1: 155, 138, 120, 103 and 86 stay.
    const rates = { kind: DimensionKind.FFN_CHANNELS, size: 172, minCount: 86, maxCount: 155, choices: 5 };
    expect(dimensions).toEqual([
      { name: 'layers.1.ffn_channels', layers: [1, 2, 3], ...rates },
      { name: 'layers.4.ffn_channels', layers: [4], ...rates },
    ]);
  });
});

/** Little-endian float32. */
function readFloats(bytes: Uint8Array | undefined): number[] {
  if (bytes === undefined) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(4 * index, true));
}

/** NaN where there are more or fewer than expected. */
function largestRelativeError(found: readonly number[], expected: readonly number[]): number {
  return found.length === expected.length
    ? Math.max(...expected.map((value, index) => Math.abs((found[index] ?? NaN) - value) / Math.abs(value)))
    : NaN;
}

describe('ScoreUnits', () => {
  it.each([
    ['magnitude-l1', { criterion: { id: 'magnitude', options: { norm: 'l1' } } }],
    ['magnitude-l2', { criterion: { id: 'magnitude' } }],
    ['wanda', { criterion: { id: 'wanda' }, calibration: CALIBRATION }],
    ['fluctuation', { criterion: { id: 'fluctuation' }, calibration: CALIBRATION }],
  ] as const)('gives the reference scores of %s, layer by layer', async (key, recipe) => {
    const layers: ScoreUnitsResponse[] = [];
    for await (const message of verbs.client.services.models.scoreUnits({ model: DEMO, recipe })) layers.push(message);
    expect(layers.map(({ layer }) => layer)).toEqual([0, 1, 2, 3, 4]);
    for (const [layer, expected] of (CRITERIA.scores[key] ?? []).entries()) {
      const scores = layers[layer];
      expect(largestRelativeError(readFloats(scores?.ffnChannels), expected.ffn)).toBeLessThan(1e-3);
      expect(largestRelativeError(readFloats(scores?.queryHeads), expected.query_head)).toBeLessThan(1e-3);
      expect(largestRelativeError(readFloats(scores?.kvGroups), expected.kv_group)).toBeLessThan(1e-3);
    }
    expect(new Set(layers.map(({ recipeDigest }) => recipeDigest)).size).toBe(1);
  });

  it('standardises by layer and kind where that is asked, under the same recipe digest', async () => {
    const [own, standardised] = [await scoreMagnitude({}), await scoreMagnitude({ scope: 'standardized' })];
    expect(standardised.map(({ recipeDigest }) => recipeDigest)).toEqual(own.map(({ recipeDigest }) => recipeDigest));
    for (const [layer, message] of own.entries()) {
      for (const kind of ['ffnChannels', 'queryHeads', 'kvGroups'] as const) {
        const values = readFloats(message[kind]);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
        readFloats(standardised[layer]?.[kind]).forEach((value, unit) =>
          expect(value).toBeCloseTo(((values[unit] ?? NaN) - mean) / deviation, 5),
        );
      }
    }
    await expect(scoreMagnitude({ scope: 'global' })).rejects.toMatchObject({ reason: 'INVALID_OPTIONS' });
  });
});

describe('a plug-in that takes the thread of a model down', () => {
  it.each(['exit', 'throw'] as const)('costs its own call and not those after it: %s', async (how) => {
    await using server = await startVerbServer({ plugins: [await loadFixturePlugin('crashing-criterion.mjs')] });
    const score = async (recipe: DeepPartial<Recipe>): Promise<number> => {
      let layers = 0;
      for await (const { ffnChannels } of server.client.services.models.scoreUnits({ model: DEMO, recipe }))
        layers += ffnChannels.length > 0 ? 1 : 0;
      return layers;
    };
    await expect(score({ criterion: { id: 'crashing', options: { how } } })).rejects.toMatchObject({
      reason: 'PLUGIN_FAILED',
      metadata: { kind: 'criterion', id: 'crashing', method: 'score' },
    });
    expect(await score(MAGNITUDE)).toBe(5);
  });
});

async function scoreMagnitude(options: Record<string, string>): Promise<ScoreUnitsResponse[]> {
  const layers: ScoreUnitsResponse[] = [];
  for await (const message of verbs.client.services.models.scoreUnits({
    model: DEMO,
    recipe: { criterion: { id: 'magnitude', options } },
  }))
    layers.push(message);
  return layers;
}
