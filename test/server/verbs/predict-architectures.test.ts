import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrialRole, type LayerArchitecture, type Trial } from '../../../src/client/index.js';
import { demoLayers, listTrials, refusalOf, smallSearch, startVerbServer, type VerbServer } from './verb-server.js';

let verbs: VerbServer;
let studyId: string;
let predictorId: string;
let trials: readonly Trial[];

beforeAll(async () => {
  verbs = await startVerbServer();
  // Layer 0 is no dimension, and layers 1 and 2 keep the same counts, as 3 and 4 do.
  ({ studyId, predictorId } = await verbs.client.runSearch(
    smallSearch({ space: { protectedLayers: { layers: [0] }, tieRun: 2 }, output: '' }),
  ));
  trials = await listTrials(verbs.client, studyId);
});
afterAll(() => verbs[Symbol.asyncDispose]());

const predict = (layers: readonly (readonly LayerArchitecture[])[]) =>
  verbs.client.predict({ predictorId, architectures: layers.map((each) => ({ layers: [...each] })) });

const WIDE = [4, 172] as const;

describe('Predict by architecture', () => {
  it('says of each trial of the study what it says of its encoding', async () => {
    const pairs = trials.filter(({ role }) => role === TrialRole.PAIR);
    const dimensions = pairs[0]?.rates.length ?? 0;
    expect(pairs.length).toBeGreaterThan(5);
    const byRates = await verbs.client.predict({
      predictorId,
      encodings: { dimensions, rates: Buffer.from(Float32Array.from(pairs.flatMap(({ rates }) => rates)).buffer) },
    });
    const byCounts = await predict(pairs.map(({ architecture }) => architecture?.layers ?? []));
    expect(byCounts).toEqual(byRates);
    expect(byCounts.parameters).toEqual(pairs.map(({ parameters }) => parameters));
    expect(new Set(byCounts.predictions[0]?.mean).size).toBeGreaterThan(5);
  });

  it('takes counts between those that the space allows, and flags those beyond the pairs', async () => {
    const { parameters, outOfRange } = await predict([
      demoLayers([WIDE, [4, 101], [4, 101], WIDE, WIDE]),
      demoLayers([WIDE, WIDE, WIDE, [4, 0], [4, 0]]),
    ]);
    expect(parameters[0]).toBe(260_032n - BigInt(2 * 3 * 64 * 71)); // 71 channels fewer in each of two layers
    expect(outOfRange.map(({ row, dimensions }) => [row, dimensions])).toContainEqual([
      1,
      expect.arrayContaining(['layers.3.ffn_channels']),
    ]);
  });

  it.each([
    ['whose protected layer keeps less', [[4, 100], WIDE, WIDE, WIDE, WIDE], 'layers[0].ffn_channels', 'all its 172'],
    ['whose tied layers differ', [WIDE, [3, 172], WIDE, WIDE, WIDE], 'layers[2].kv_heads', 'layer 1, which keeps 3'],
    ['that keeps more than the model has', [WIDE, [4, 173], WIDE, WIDE, WIDE], 'layers[1].ffn_channels', '0 to 172'],
    ['of another number of layers', [WIDE], 'layers', 'the model has 5'],
  ] as const)('refuses one %s, with its row and layer', async (_, counts, field, said) => {
    const refusal = await refusalOf(verbs, () =>
      predict([demoLayers([WIDE, WIDE, WIDE, WIDE, WIDE]), demoLayers(counts)]),
    );
    expect(refusal).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'ARCHITECTURE_INVALID',
      fields: [`architectures[1].${field}`],
      message: expect.stringContaining(said) as string,
    });
  });

  it('refuses architectures beside encodings', async () => {
    const refusal = await refusalOf(verbs, () =>
      verbs.client.predict({ predictorId, encodings: { dimensions: 1 }, architectures: [{}] }),
    );
    expect(refusal).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['architectures'] });
  });

  it('asks for encodings where the study of the pairs is gone', async () => {
    const found = await verbs.client.runSearch(smallSearch({ seed: 5n, output: '' }));
    await verbs.client.services.studies.deleteStudy({ studyId: found.studyId });
    const refusal = await refusalOf(verbs, () =>
      verbs.client.predict({
        predictorId: found.predictorId,
        architectures: [{ layers: demoLayers([WIDE, WIDE, WIDE, WIDE, WIDE]) }],
      }),
    );
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'STUDY_NOT_FOUND', fields: ['architectures'] });
  });
});
