import { mkdir, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  PredictorFeatures,
  type DeepPartial,
  type FitPredictorRequest,
  type PairSet,
  type PredictResponse,
} from '../../../src/client/index.js';
import { makeNetwork, makeStump } from '../../support/regressors.js';
import { makeFolder } from '../../support/test-server.js';
import { refusalOf, startVerbServer, type VerbServer } from './verb-server.js';

const DIMENSIONS = ['layers.0.kv_heads', 'layers.0.ffn_channels', 'layers.1.ffn_channels'];

/** The law that labels follow: log perplexity is quadratic in the rates. */
function perplexityAt([kv = 0, first = 0, second = 0]: readonly number[]): number {
  return Math.exp(1.5 + 0.8 * kv + 0.4 * first + 2 * first ** 2 + 0.1 * second + 0.6 * second ** 2);
}

/** All of 4 x 4 x 3 rates, from 0 to 0.6. */
const GRID = [0, 0.25, 0.5, 0.6].flatMap((kv) =>
  [0.1, 0.2, 0.35, 0.5].flatMap((first) => [0.1, 0.3, 0.5].map((second) => [kv, first, second] as const)),
);

const PAIRS: DeepPartial<PairSet> = {
  dimensions: DIMENSIONS,
  model: 'elsewhere',
  measurementFingerprint: 'a measurement',
  fidelityDigest: 'a fidelity',
  pairs: GRID.map((rates) => ({
    rates: [...rates],
    metrics: { perplexity: perplexityAt(rates) },
    recipeDigest: 'a recipe',
  })),
};

function encodeRows(rows: readonly (readonly number[])[]): { rates: Buffer; dimensions: number } {
  const rates = Buffer.alloc(4 * rows.flat().length);
  rows.flat().forEach((rate, index) => rates.writeFloatLE(rate, 4 * index));
  return { rates, dimensions: DIMENSIONS.length };
}

let verbs: VerbServer;
let folder: string;
beforeAll(async () => {
  folder = await makeFolder();
  verbs = await startVerbServer({ folder });
});
afterAll(async () => {
  await verbs[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const fit = (changes: DeepPartial<FitPredictorRequest> = {}) =>
  verbs.client.runFitPredictor({
    source: { $case: 'pairs', value: PAIRS },
    predictor: { id: 'ridge' },
    seed: 5n,
    ...changes,
  });

/** Scores that are one label and its opposite in turn. */
const labelled = (label: number) =>
  ({
    $case: 'pairs',
    value: {
      ...PAIRS,
      pairs: GRID.map((rates, row) => ({
        rates: [...rates],
        metrics: { score: row % 2 === 0 ? label : -label },
        recipeDigest: 'a recipe',
      })),
    },
  }) as const;

/** Asked before and after the restart too. */
const restarted: string[] = [];

const PREDICTORS = ['ridge', 'xgboost', 'random-forest'] as const;

describe('FitPredictor', () => {
  it('fits what the caller sends, and says how well it does on pairs that it was not fitted on', async () => {
    const predictor = await fit();
    expect(predictor).toMatchObject({
      backend: 'ridge',
      model: 'elsewhere',
      measurementFingerprint: 'a measurement',
      fidelityDigest: 'a fidelity',
      recipeDigests: ['a recipe'],
      metrics: ['perplexity'],
      dimensions: DIMENSIONS,
      pairs: 48,
      seed: 5n,
      studyId: '',
    });
    expect(predictor.minRates.map((rate) => rate.toFixed(3))).toEqual(['0.000', '0.100', '0.100']);
    expect(predictor.maxRates.map((rate) => rate.toFixed(3))).toEqual(['0.600', '0.500', '0.500']);
    const [quality] = predictor.quality;
    expect(quality).toMatchObject({ metric: 'perplexity', fitted: 34, heldOut: 14 }); // 7:3 of 48, in whole pairs
    expect(quality?.r2).toBeGreaterThan(0.99);
    expect(quality?.kendallTau).toBeGreaterThan(0.95);
    expect(predictor.quality.map(({ split }) => split)).toEqual(['holdout 7:3', '5-fold']);
    expect(await verbs.client.services.predictors.getPredictor({ predictorId: predictor.id })).toEqual({ predictor });
  });

  it('gives equal predictors for equal pairs and seed', async () => {
    const rows = encodeRows([
      [0.1, 0.3, 0.4],
      [0.55, 0.45, 0.2],
    ]);
    for (const id of PREDICTORS) {
      const [one, other] = [await fit({ predictor: { id } }), await fit({ predictor: { id } })];
      expect(other.id).not.toBe(one.id);
      expect(other.pairsDigest).toBe(one.pairsDigest);
      const ask = async (predictorId: string) =>
        (await verbs.client.predict({ predictorId, encodings: rows })).predictions;
      expect(await ask(other.id)).toEqual(await ask(one.id));
    }
  });

  it('chooses among all backends by how they rank unseen pairs, and reports on each', async () => {
    const predictor = await fit({ predictor: { id: 'auto', options: { folds: 3 } } });
    expect(predictor.requestedBackend).toBe('auto');
    expect(predictor.scores.map(({ backend }) => backend)).toEqual([
      'ensemble',
      'gaussian-process',
      'random-forest',
      'ridge',
      'xgboost',
    ]);
    const taus = predictor.scores.map(({ quality }) => quality?.kendallTau ?? NaN);
    expect(taus.every(Number.isFinite)).toBe(true);
    const chosen = predictor.scores.filter((score) => score.chosen);
    expect(chosen).toMatchObject([
      {
        backend: predictor.backend,
        metric: 'perplexity',
        notTried: '',
        quality: { kendallTau: Math.max(...taus), split: '3-fold', heldOut: 48 },
      },
    ]);
    expect(await verbs.client.services.predictors.getPredictor({ predictorId: predictor.id })).toEqual({ predictor });
    const { predictions } = await verbs.client.predict({
      predictorId: predictor.id,
      encodings: encodeRows([[0.1, 0.3, 0.4]]),
    });
    expect(Math.abs((predictions[0]?.mean[0] ?? NaN) / perplexityAt([0.1, 0.3, 0.4]) - 1)).toBeLessThan(0.05);
    const { dimensions } = await verbs.client.services.predictors.explainPredictor({ predictorId: predictor.id });
    expect(dimensions.map(({ dimension }) => dimension)).toEqual(DIMENSIONS);
  });

  it('chooses among those that are named, and refuses what is not a predictor', async () => {
    const predictor = await fit({ predictor: { id: 'auto', options: { folds: 3, among: ['ridge', 'xgboost'] } } });
    expect(predictor.scores.map(({ backend, chosen }) => [backend, chosen])).toEqual([
      ['ridge', true],
      ['xgboost', false],
    ]);
    expect(
      await refusalOf(verbs, () => fit({ predictor: { id: 'auto', options: { among: ['ridge', 'oracle'] } } })),
    ).toMatchObject({ reason: 'PLUGIN_NOT_FOUND', fields: ['predictor.options.among[1].id'] });
    expect(
      await refusalOf(verbs, () => fit({ predictor: { id: 'auto', options: { among: ['auto'] } } })),
    ).toMatchObject({ reason: 'INVALID_OPTIONS', fields: ['predictor.options.among[0]'] });
  });

  it('looks up the errors that the caller sends, and refuses tables that do not fit', async () => {
    // The error of the second layer, out of the blue at each width: no function of its rate that ridge could guess.
    const errors = [1, 0.4, 0.9, 0.2, 0.7, 0.1, 0.5, 0.3, 0.8, 0.6, 0];
    const errorTables = [{ dimension: DIMENSIONS[2] ?? '', errors }];
    const widths = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
    const pairs = GRID.map(([kv, first], row) => {
      const width = row % 10;
      return {
        rates: [kv, first, widths[width] ?? 0],
        metrics: { perplexity: Math.exp(kv + (errors[10 - width] ?? 0)) },
        recipeDigest: 'a recipe',
      };
    });
    const source = { $case: 'pairs', value: { ...PAIRS, pairs } } as const;
    const features = PredictorFeatures.RATES_AND_ERRORS;
    const [blind, seeing] = [await fit({ source }), await fit({ source, features, errorTables })];
    expect([blind.features, seeing.features]).toEqual([PredictorFeatures.RATES, features]);
    expect(seeing.dimensions).toEqual(DIMENSIONS);
    expect(seeing.quality[0]?.r2).toBeGreaterThan(0.999);
    expect(blind.quality[0]?.r2).toBeLessThan(0.9);
    const refused = (changes: DeepPartial<FitPredictorRequest>) =>
      refusalOf(verbs, () => fit({ source, features, ...changes }));
    expect(await refused({})).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['error_tables'] });
    expect(await refused({ features: PredictorFeatures.RATES, errorTables })).toMatchObject({
      fields: ['error_tables'],
    });
    expect(await refused({ errorTables: [{ dimension: 'layers.9.ffn_channels', errors }] })).toMatchObject({
      fields: ['error_tables[0].dimension'],
    });
    expect(await refused({ errorTables: [...errorTables, ...errorTables] })).toMatchObject({
      fields: ['error_tables[1].dimension'],
    });
    expect(await refused({ errorTables: [{ dimension: DIMENSIONS[2] ?? '', errors: [1, NaN] }] })).toMatchObject({
      fields: ['error_tables[0].errors[1]'],
    });
    restarted.push(seeing.id);
  });

  it('fits several metrics at once, each in its own unit and with its own quality and interval', async () => {
    const pairs = GRID.map((rates, row) => ({
      rates: [...rates],
      metrics: { perplexity: perplexityAt(rates) * (1 + 0.01 * Math.sin(row)), accuracy: 0.9 - 0.5 * rates[1] },
      recipeDigest: 'a recipe',
    }));
    const source = { $case: 'pairs', value: { ...PAIRS, pairs } } as const;
    const metrics = ['perplexity', 'accuracy'];
    const predictor = await fit({ source, metrics });
    expect(predictor).toMatchObject({ metrics, metricBackends: ['ridge', 'ridge'] });
    expect(predictor.quality.map(({ metric, split }) => [metric, split])).toEqual(
      metrics.flatMap((metric) => [
        [metric, 'holdout 7:3'],
        [metric, '5-fold'],
      ]),
    );
    for (const { r2 } of predictor.quality) expect(r2).toBeGreaterThan(0.95); // both laws are ridge's own
    const { predictions } = await verbs.client.predict({
      predictorId: predictor.id,
      encodings: encodeRows([[0.1, 0.3, 0.4]]),
    });
    expect(predictions.map(({ metric }) => metric)).toEqual(metrics);
    expect(Math.abs((predictions[0]?.mean[0] ?? NaN) / perplexityAt([0.1, 0.3, 0.4]) - 1)).toBeLessThan(0.02);
    expect(predictions[1]?.mean[0]).toBeCloseTo(0.75, 3);
    const widths = predictions.map(({ low, high }) => (high[0] ?? NaN) - (low[0] ?? NaN));
    expect(widths[0]).toBeGreaterThan(0.01);
    expect(widths[1]).toBeLessThan(0.001);
    const { dimensions } = await verbs.client.services.predictors.explainPredictor({
      predictorId: predictor.id,
      metric: 'accuracy',
      points: 2,
    });
    expect(dimensions.map(({ effect }) => (effect[1] ?? NaN) - (effect[0] ?? NaN))).toEqual([
      expect.closeTo(0, 2),
      expect.closeTo(-0.2, 2),
      expect.closeTo(0, 2),
    ]); // 0.1 to 0.5
    await expect(
      verbs.client.services.predictors.explainPredictor({ predictorId: predictor.id, metric: 'latency' }),
    ).rejects.toMatchObject({ reason: 'INVALID_REQUEST', violations: [{ field: 'metric' }] });
    expect(await refusalOf(verbs, () => fit({ source, metrics: ['accuracy', 'accuracy'] }))).toMatchObject({
      fields: ['metrics[1]'],
    });
    expect(await refusalOf(verbs, () => fit({ metrics }))).toMatchObject({
      reason: 'PAIRS_INVALID',
      fields: ['pairs.pairs[0].metrics'],
    });
    restarted.push(predictor.id);
  });

  it('traces how its quality grows with the pairs where asked', async () => {
    const { learning, quality } = await fit({ learningCurve: true });
    expect(learning.map(({ metric, pairs }) => [metric, pairs])).toEqual(
      [4, 8, 17, 34].map((pairs) => ['perplexity', pairs]),
    );
    expect(learning.at(-1)).toMatchObject({ kendallTau: quality[0]?.kendallTau, r2: quality[0]?.r2 }); // all of the 7 parts, on the same 3
    expect(learning[0]?.r2).toBeLessThan(learning.at(-1)?.r2 ?? NaN);
    expect((await fit()).learning).toEqual([]);
  });

  it('states no quality and no interval of a regressor that may have seen the pairs', async () => {
    await mkdir(verbs.path('texts'), { recursive: true });
    await writeFile(
      verbs.path('texts', 'seen.onnx'),
      makeNetwork({ columns: 3, hidden: 1, weights: [0.8, 1.6, 0.5], heads: [1] }),
    );
    const predictor = { id: 'onnx', options: { path: 'seen.onnx', unit: 'log' } };
    const seen = await fit({ predictor });
    expect(seen.quality).toEqual([]);
    const { predictions } = await verbs.client.predict({
      predictorId: seen.id,
      encodings: encodeRows([[0.1, 0.3, 0.4]]),
    });
    expect(predictions).toMatchObject([
      { metric: 'perplexity', mean: [expect.any(Number)], deviation: [], low: [], high: [] },
    ]);
    expect(
      (await verbs.client.services.predictors.explainPredictor({ predictorId: seen.id })).dimensions.map(
        ({ dimension }) => dimension,
      ),
    ).toEqual(DIMENSIONS);
    const refused = (changes: DeepPartial<FitPredictorRequest>) =>
      refusalOf(verbs, () => fit({ predictor, ...changes }));
    expect(await refused({ unseenPairs: [48] })).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['unseen_pairs[0]'],
    });
    expect(await refused({ unseenPairs: [4, 5, 4] })).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['unseen_pairs[2]'],
    });
    expect(await refused({ learningCurve: true })).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['learning_curve'],
    });
    expect(await refused({ predictor: { id: 'ridge' }, unseenPairs: [1] })).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['unseen_pairs'],
    });
  });

  it('judges a regressor fitted elsewhere on the pairs alone that it has not seen', async () => {
    // It answers 1 where the first rate is at most 0.2, else 3: in the pairs' logarithms. All labels are 0.5 higher but for the first nine.
    await writeFile(
      verbs.path('texts', 'stump.onnx'),
      makeStump({ columns: 3, column: 0, threshold: 0.2, below: [1], above: [3] }),
    );
    const pairs = GRID.map((rates, row) => ({
      rates: [...rates],
      metrics: { perplexity: Math.exp((rates[0] <= 0.2 ? 1 : 3) + (row < 9 ? 0.1 * (row + 1) : 5)) },
      recipeDigest: 'a recipe',
    }));
    const unseenPairs = [8, 7, 6, 5, 4, 3, 2, 1, 0];
    const predictor = await fit({
      source: { $case: 'pairs', value: { ...PAIRS, pairs } },
      predictor: { id: 'onnx', options: { path: 'stump.onnx', unit: 'log' } },
      unseenPairs,
    });
    expect(predictor.quality).toMatchObject([
      {
        split: 'unseen',
        fitted: 0,
        heldOut: 9,
        mae: expect.closeTo(0.5, 6),
        rmse: expect.closeTo(Math.sqrt(2.85 / 9), 6),
      },
    ]); // errors 0.1 to 0.9
    const { predictions } = await verbs.client.predict({
      predictorId: predictor.id,
      encodings: encodeRows([[0.1, 0.3, 0.4]]),
    });
    // Of nine residuals the largest, 0.9, is the half-width that covers 9 of 10.
    expect([predictions[0]?.low[0], predictions[0]?.high[0]].map((end) => Math.log(end ?? NaN))).toEqual([
      expect.closeTo(0.1, 6),
      expect.closeTo(1.9, 6),
    ]);
  });

  it("measures a regressor of the caller's own, and keeps it", async () => {
    // The law of the third column alone, as a network: exp is the server's.
    await writeFile(
      verbs.path('texts', 'own.onnx'),
      makeNetwork({ columns: 3, hidden: 1, weights: [0.8, 1.6, 0.5], heads: [1] }),
    );
    const options = { path: 'own.onnx', unit: 'log' };
    const predictor = await fit({ predictor: { id: 'onnx', options }, unseenPairs: [...GRID.keys()] });
    expect(predictor.backend).toBe('onnx');
    expect(predictor.quality[0]?.kendallTau).toBeGreaterThan(0.9);
    const { predictions } = await verbs.client.predict({
      predictorId: predictor.id,
      encodings: encodeRows([[0.1, 0.3, 0.4]]),
    });
    expect(Math.log(predictions[0]?.mean[0] ?? NaN)).toBeCloseTo(0.08 + 0.48 + 0.2, 5);
    await rm(verbs.path('texts', 'own.onnx'));
    expect(await refusalOf(verbs, () => fit({ predictor: { id: 'onnx', options } }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'REGRESSOR_INVALID',
      fields: ['predictor.options.path'],
    });
    expect(
      await refusalOf(verbs, () => fit({ predictor: { id: 'onnx', options: { path: '../secret.onnx' } } })),
    ).toMatchObject({ reason: 'PATH_OUTSIDE_ROOTS' });
    await writeFile(
      verbs.path('texts', 'wide.onnx'),
      makeNetwork({ columns: 2, hidden: 1, weights: [1, 1], heads: [1] }),
    );
    expect(
      await refusalOf(verbs, () => fit({ predictor: { id: 'onnx', options: { path: 'wide.onnx' } } })),
    ).toMatchObject({ reason: 'REGRESSOR_INVALID', message: expect.stringContaining('takes 2 columns') });
    restarted.push(predictor.id);
  });

  it('keeps answering after labels as large as a double, which it refuses, and fits the largest that it takes', async () => {
    for (const id of ['xgboost', 'random-forest']) {
      expect(
        await refusalOf(verbs, () => fit({ predictor: { id }, metrics: ['score'], source: labelled(1.7e308) })),
      ).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'PAIRS_INVALID', fields: ['pairs.pairs[0].metrics.score'] });
      const { quality } = await fit({ predictor: { id }, metrics: ['score'], source: labelled(1e30) });
      expect(quality[0]?.rmse).toBeLessThan(1e31);
    }
  });

  it('attaches to the job of the same request id', async () => {
    const request = {
      requestId: 'a-fit',
      source: { $case: 'pairs', value: PAIRS },
      predictor: { id: 'ridge' },
    } as const;
    const [one, other] = [
      await verbs.client.services.predictors.fitPredictor(request),
      await verbs.client.services.predictors.fitPredictor(request),
    ];
    expect(other.job?.id).toBe(one.job?.id);
  });
});

describe('ListPredictors', () => {
  it('gives every predictor once, the newest first, in pages', async () => {
    const fitted = [await fit(), await fit(), await fit()].map(({ id }) => id);
    const listed: string[] = [];
    let pageToken = '';
    do {
      const page = await verbs.client.services.predictors.listPredictors({ pageSize: 2, pageToken });
      expect(page.predictors.length).toBeLessThanOrEqual(2);
      listed.push(...page.predictors.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(listed.slice(0, 3)).toEqual(fitted.toReversed());
    expect(new Set(listed).size).toBe(listed.length);
    expect((await verbs.client.services.predictors.listPredictors({ studyId: 'none' })).predictors).toEqual([]);
  });
});

describe('Predict', () => {
  it('answers in perplexity, row by row', async () => {
    const predictor = await fit();
    const rows = [
      [0.1, 0.3, 0.4],
      [0.55, 0.45, 0.2],
      [0.3, 0.15, 0.15],
    ];
    const { predictorId, predictions, outOfRange } = await verbs.client.predict({
      predictorId: predictor.id,
      encodings: encodeRows(rows),
    });
    expect(predictorId).toBe(predictor.id);
    expect(predictions.map(({ metric }) => metric)).toEqual(['perplexity']);
    rows.forEach((row, index) =>
      expect(Math.abs((predictions[0]?.mean[index] ?? NaN) / perplexityAt(row) - 1)).toBeLessThan(0.01),
    );
    expect(outOfRange).toEqual([]);
  });

  it('flags rows outside the rates of its pairs, by dimension', async () => {
    const { id } = await fit();
    const { outOfRange } = await verbs.client.predict({
      predictorId: id,
      encodings: encodeRows([
        [0, 0.1, 0.1],
        [0.7, 0.3, 0.05],
        [0.6, 0.5, 0.5],
        [0, 0, 0.9],
      ]),
    });
    expect(outOfRange).toEqual([
      { row: 1, dimensions: ['layers.0.kv_heads', 'layers.1.ffn_channels'] },
      { row: 3, dimensions: ['layers.0.ffn_channels', 'layers.1.ffn_channels'] },
    ]);
  });

  it('refuses rows whose flags no message holds before it predicts them, and says how many rows always do', async () => {
    const dimensions = Array.from({ length: 60 }, (_, layer) => `layers.${layer}.ffn_channels`);
    const ramp = (row: number) => dimensions.map((_, column) => 0.3 + 0.001 * ((row + column) % 12));
    const pairs = Array.from({ length: 12 }, (_, row) => ({
      rates: ramp(row),
      metrics: { perplexity: 5 + row },
      recipeDigest: 'a recipe',
    }));
    const { id: predictorId } = await fit({ source: { $case: 'pairs', value: { ...PAIRS, dimensions, pairs } } });
    const predict = (rows: number, rate: number) =>
      verbs.client.predict({
        predictorId,
        encodings: { dimensions: 60, rates: Buffer.from(new Float32Array(60 * rows).fill(rate).buffer) },
      });
    const refused = await refusalOf(verbs, () => predict(3000, 0.9));
    expect(refused).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'MESSAGE_TOO_LARGE',
      fields: ['encodings.rates'],
      metadata: { rows: '3000' },
    });
    const most = Number(refused.metadata['most']);
    expect(most).toBeGreaterThan(2000);
    const { outOfRange } = await predict(most, 0.9);
    expect(outOfRange).toHaveLength(most);
    expect(outOfRange.every(({ dimensions: outside }) => outside.length === 60)).toBe(true);
    expect((await predict(10_000, 0.305)).predictions[0]?.mean).toHaveLength(10_000);
  });

  it('gives the same bits after a restart of the server', async () => {
    const rows = encodeRows(GRID.map((row) => row.map((rate) => rate + 0.013)));
    const ids = [...restarted];
    for (const id of PREDICTORS) ids.push((await fit({ predictor: { id } })).id);
    const ask = async (): Promise<PredictResponse[]> =>
      Promise.all(ids.map((predictorId) => verbs.client.predict({ predictorId, encodings: rows })));
    const before = await ask();
    expect(before.map(({ predictions }) => predictions[0]?.mean.length)).toEqual(ids.map(() => 48));
    expect(ids).toHaveLength(6);
    await verbs[Symbol.asyncDispose]();
    verbs = await startVerbServer({ folder });
    expect(await ask()).toEqual(before);
  });

  it('refuses what is not a batch of encodings, by its field', async () => {
    const { id: predictorId } = await fit();
    const refused = (encodings: { rates: Buffer; dimensions: number }, of = predictorId) =>
      refusalOf(verbs, () => verbs.client.predict({ predictorId: of, encodings }));
    const good = encodeRows([[0.1, 0.2, 0.3]]);
    expect(await refused(good, 'predictor-0')).toMatchObject({ code: 'NOT_FOUND', reason: 'PREDICTOR_NOT_FOUND' });
    const invalid = { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' };
    expect(await refused({ ...good, dimensions: 2 })).toMatchObject({ ...invalid, fields: ['encodings.dimensions'] });
    expect(await refused({ ...good, rates: good.rates.subarray(1) })).toMatchObject({
      ...invalid,
      fields: ['encodings.rates'],
    });
    expect(await refused({ ...good, rates: Buffer.alloc(0) })).toMatchObject({
      ...invalid,
      fields: ['encodings.rates'],
    });
    expect(await refused(encodeRows([[0.1, NaN, 0.3]]))).toMatchObject({
      ...invalid,
      fields: ['encodings.rates'],
      message: expect.stringContaining('row 0, layers.0.ffn_channels'),
    });
    expect(await refused(encodeRows([[0.1, 0.2, 1.5]]))).toMatchObject({ ...invalid, fields: ['encodings.rates'] });
  });
});
