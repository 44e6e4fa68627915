import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTrait } from '../../support/trait-checkpoint.js';
import { MAGNITUDE, smallSearch, startVerbServer, tokenText, type VerbServer } from './verb-server.js';

const DOWN = 'model.layers.1.mlp.down_proj.weight';

/** [3, 5] of [32, 40] */
const PLACE = 3 * 40 + 5;

const TEXT = tokenText(Array.from({ length: 1024 }, (_, place) => (place * 7) % 48));
const windows = { window: 32 };

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  const spoil = (
    folder: string,
    edit: (values: Float32Array) => void,
    tensors: readonly string[] = [DOWN],
  ): Promise<string> =>
    writeTrait(
      {},
      {
        folder: verbs.path('models', folder),
        edit: (name, values) => (tensors.includes(name) ? edit(values) : undefined),
      },
    );
  await spoil('nan', (values) => values.fill(NaN, PLACE, PLACE + 1));
  await spoil('infinite', (values) => values.fill(-Infinity, PLACE, PLACE + 1));
  await spoil('overflowing', (values) => values.forEach((value, place) => (values[place] = value * 6e38)));
  await spoil(
    'overflowing-inputs',
    (values) => values.forEach((value, place) => (values[place] = value * 1e20)),
    ['gate', 'up'].map((part) => `model.layers.1.mlp.${part}_proj.weight`),
  );
});
afterAll(() => verbs[Symbol.asyncDispose]());

describe.each([
  ['nan', 'NaN'],
  ['infinite', '-Infinity'],
])('a checkpoint with a weight that is %s', (model, value) => {
  const refusal = {
    reason: 'MODEL_MALFORMED',
    message: expect.stringContaining(`${DOWN}: the value at [3, 5] is ${value}`),
    metadata: { file: 'model.safetensors', tensor: DOWN },
  };

  it('is refused by name of the tensor when it is evaluated', async () => {
    await expect(verbs.client.runEvaluate({ model, measurement: { text: TEXT, windows } })).rejects.toMatchObject(
      refusal,
    );
  });

  it('is refused by name of the tensor when its units are scored', async () => {
    const layers: number[] = [];
    await expect(
      (async () => {
        for await (const { layer } of verbs.client.services.models.scoreUnits({ model, recipe: MAGNITUDE }))
          layers.push(layer);
      })(),
    ).rejects.toMatchObject(refusal);
    expect(layers).not.toContain(1);
  });

  it.each([
    ['as it is', MAGNITUDE],
    [
      'compensated',
      {
        criterion: { id: 'magnitude' },
        compensation: { id: 'least-squares' },
        calibration: { text: TEXT, sequences: 8, sequenceTokens: 32 },
      },
    ],
  ])('is refused by name of the tensor when it is pruned %s, and nothing is written', async (_, recipe) => {
    await expect(
      verbs.client.runPrune({
        model,
        recipe,
        selection: { $case: 'uniformRate', value: 0.25 },
        space: { protectedLayers: { layers: [] } },
        output: `${model}-pruned`,
      }),
    ).rejects.toMatchObject(refusal);
    expect(await readdir(verbs.path('outputs'))).toEqual([]);
  });

  it('is refused by name of the tensor when it is searched', async () => {
    await expect(verbs.client.runSearch(smallSearch({ model, texts: { text: TEXT }, windows }))).rejects.toMatchObject(
      refusal,
    );
  });
});

describe('a checkpoint whose finite weights overflow on the way', () => {
  it('has no perplexity: an evaluation ends with METRIC_INVALID and names what is not finite', async () => {
    await expect(
      verbs.client.runEvaluate({ model: 'overflowing', measurement: { text: TEXT, windows } }),
    ).rejects.toMatchObject({
      reason: 'METRIC_INVALID',
      message: expect.stringContaining('perplexity is NaN'),
      metadata: { metric: 'perplexity', value: 'NaN', item: '0' },
    });
  });

  it('has no search: it ends with METRIC_INVALID, and asks for no more pairs', async () => {
    await expect(
      verbs.client.runSearch(smallSearch({ model: 'overflowing', texts: { text: TEXT }, windows })),
    ).rejects.toMatchObject({ reason: 'METRIC_INVALID' });
  });
});

describe('a checkpoint whose activations overflow', () => {
  it.each(['wanda', 'fluctuation'])(
    'is no ground for a calibration: %s ends with CALIBRATION_UNUSABLE, naming the layer',
    async (id) => {
      const recipe = {
        criterion: { id },
        compensation: { id: 'least-squares' },
        calibration: { text: TEXT, sequences: 8, sequenceTokens: 32 },
      };
      await expect(
        verbs.client.runPrune({
          model: 'overflowing-inputs',
          recipe,
          selection: { $case: 'uniformRate', value: 0.25 },
          output: 'overflowed',
        }),
      ).rejects.toMatchObject({
        reason: 'CALIBRATION_UNUSABLE',
        message: expect.stringMatching(/layers.1: input \d+ of down, or its square, is too large for float32/),
        metadata: { layer: '1', half: 'ffn' },
      });
      expect(await readdir(verbs.path('outputs'))).toEqual([]);
    },
  );
});

describe('a prediction beyond the range of numbers', () => {
  it('is METRIC_INVALID, an end of its interval too', async () => {
    const pairs = Array.from({ length: 12 }, (_, row) => ({
      rates: [row / 12, 0.5],
      metrics: { perplexity: row % 2 === 0 ? 1e-300 : 1e300 },
    }));
    const predictor = await verbs.client.runFitPredictor({
      source: { $case: 'pairs', value: { dimensions: ['layers.0.kv_heads', 'layers.0.ffn_channels'], pairs } },
      predictor: { id: 'ridge' },
    });
    await expect(
      verbs.client.predict({
        predictorId: predictor.id,
        encodings: { dimensions: 2, rates: Buffer.from(Float32Array.of(0.25, 0.5).buffer) },
      }),
    ).rejects.toMatchObject({
      reason: 'METRIC_INVALID',
      metadata: { metric: 'perplexity', value: 'Infinity', row: '0' },
    });
  });
});
