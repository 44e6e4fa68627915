import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createRng } from '../../../src/core/random.js';
import type { PairTable } from '../../../src/core/pairs.js';
import type { Predictor } from '../../../src/core/ports/predictor.js';
import ensemble from '../../../src/plugins/predictors/ensemble.js';
import gaussianProcess from '../../../src/plugins/predictors/gaussian-process.js';
import onnx from '../../../src/plugins/predictors/onnx.js';
import randomForest from '../../../src/plugins/predictors/random-forest.js';
import ridge from '../../../src/plugins/predictors/ridge.js';
import xgboost from '../../../src/plugins/predictors/xgboost.js';
import { listPredictorChecks } from '../../../src/plugins/testing/predictor-conformance.js';
import { describeModule, fitHosted, loadHosted } from '../../../src/server/predictors/predictor-host.js';
import { askInThread } from '../../support/ask-in-thread.js';
import { makeNetwork } from '../../support/regressors.js';

/** Those that belong in a thread are tried in one, as a server runs them. */
const PREDICTORS = [
  ridge,
  inThread(gaussianProcess, 'gaussian-process'),
  inThread(xgboost, 'xgboost'),
  inThread(randomForest, 'random-forest'),
  inThread(ensemble, 'ensemble'),
] as readonly Predictor[];

describe.each(PREDICTORS.map((predictor) => ({ id: predictor.id, predictor })))('$id', ({ predictor }) => {
  it.each(listPredictorChecks(predictor, { leastTau: 0.6 }))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('onnx', () => {
  const network = makeNetwork({ columns: 6, hidden: 1, weights: [1, 0.5, 0.25, 2, 1, 1], heads: [1] });
  it.each(listPredictorChecks(inThread(onnx, 'onnx'), { options: { path: 'own.onnx' }, files: { path: network } }))(
    '$name',
    async ({ run }) => {
      await expect(run()).resolves.toBeUndefined();
    },
  );
});

describe('labels at the extremes of float64', () => {
  it.each(['ridge', 'xgboost', 'random-forest', 'gaussian-process', 'ensemble'])(
    'let no fit of %s run for ever, nor answer what is not a number',
    async (id) => {
      const module = pathToFileURL(resolve(import.meta.dirname, `../../../dist/src/plugins/predictors/${id}.js`)).href;
      expect(await askInThread('extreme-labels.mjs', { module, runs: id === 'ensemble' ? 5 : 25 }, 60_000)).toEqual({
        asked: [id],
        failed: [],
        stuck: undefined,
      });
    },
  );
});

describe('listPredictorChecks', () => {
  it('finds out a predictor that was fitted elsewhere and does not say so', async () => {
    const fixed: Predictor<Record<string, never>> = {
      kind: 'predictor',
      apiVersion: 1,
      id: 'fixed',
      summary: '',
      options: z.strictObject({}),
      runsIn: 'worker',
      pairs: { least: 2, most: 100 },
      fit: () =>
        Promise.resolve({
          predict: ({ rates, columns }) => Promise.resolve({ mean: new Float64Array(rates.length / columns).fill(3) }),
          save: () => new Uint8Array(0),
        }),
      load: () => Promise.reject(new Error('not asked')),
    };
    const check = listPredictorChecks(fixed).find(({ name }) => name.startsWith('learns from its pairs'));
    await expect(check?.run()).rejects.toThrow("learns: 'elsewhere'");
  });
});

/** Twelve layers whose heads add up to more than their sum. */
function drawTotals(rows: number, seed: number): PairTable {
  const rng = createRng(seed);
  const rates = Float32Array.from({ length: rows * 24 }, () => rng.uniform());
  const law = (row: number): number => {
    const own = [...rates.subarray(24 * row, 24 * row + 24)];
    const heads = own.filter((_, index) => index % 2 === 0).reduce((sum, rate) => sum + rate, 0);
    return 1 + 0.02 * heads ** 2 + 0.3 * own.reduce((sum, rate, index) => sum + (index % 2) * rate ** 2, 0);
  };
  return {
    dimensions: Array.from(
      { length: 24 },
      (_, index) => `layers.${index >> 1}.${index % 2 === 0 ? 'kv_heads' : 'ffn_channels'}`,
    ),
    rates,
    targets: Float64Array.from({ length: rows }, (_, row) => law(row)),
  };
}

describe('ridge', () => {
  it('chooses the penalty and predicts as leave-one-out refits by scikit-learn do', async () => {
    const fitted = await ridge.fit(
      {
        dimensions: ['a', 'b'],
        rates: Float32Array.of(0, 0.1, 0.2, 0.3, 0.4, 0.1, 0.5, 0.5, 0.1, 0.4, 0.3, 0.2, 0.25, 0.45, 0.45, 0.35),
        targets: Float64Array.of(1, 1.9, 1.7, 3.1, 1.6, 1.55, 2.35, 2.5),
      },
      ridge.options.parse({ features: 'rates-and-squares' }),
      0,
    );
    const { mean } = await fitted.predict({ rates: Float32Array.of(0.15, 0.25, 0.35, 0.4, 0.6, 0.05), columns: 2 });
    // sklearn.linear_model.Ridge on standardised rates and squares; of the same 49 penalties the one whose eight refits err least.
    expect([...mean]).toEqual(
      [1.5009092240134345, 2.3194971968604716, 2.2809133087639246].map((value) => expect.closeTo(value, 5)),
    );
  });

  it('finds a law of the totals of a kind from fewer pairs than squares, and chooses so by itself', async () => {
    const { dimensions, rates, targets } = drawTotals(40, 1);
    const fitted = await ridge.fit({ dimensions, rates, targets }, ridge.options.parse({}), 0);
    const unseen = drawTotals(20, 2);
    const { mean } = await fitted.predict({ rates: unseen.rates, columns: 24 });
    expect([...mean]).toEqual([...unseen.targets].map((target) => expect.closeTo(target, 2)));
  });

  it('answers 64 rows of 50 dimensions in under a millisecond', async () => {
    const pairs = drawTable(200, 50);
    const fitted = await ridge.fit(pairs, ridge.options.parse({}), 0);
    const batch = { rates: pairs.rates.slice(0, 64 * 50), columns: 50 };
    const times: number[] = [];
    for (let round = 0; round < 50; round++) {
      const start = performance.now();
      await fitted.predict(batch);
      times.push(performance.now() - start);
    }
    expect(times.sort((a, b) => a - b)[25]).toBeLessThan(1);
  });
});

describe('importing a predictor', () => {
  it('loads none of the libraries behind it', () => {
    const files = ['ridge', 'ensemble', 'gaussian-process', 'random-forest', 'xgboost'].map((id) =>
      resolve(import.meta.dirname, `../../../dist/src/plugins/predictors/${id}.js`),
    );
    const script = `
      const before = process.listenerCount('uncaughtException');
      for (const file of ${JSON.stringify(files)}) await import(file);
      const { createRequire } = await import('node:module');
      const loaded = Object.keys(createRequire(${JSON.stringify(files[0])}).cache).filter((path) => /ml-/.test(path));
      console.log(JSON.stringify({ loaded, added: process.listenerCount('uncaughtException') - before }));
    `;
    expect(
      JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })),
    ).toEqual({ loaded: [], added: 0 });
  });
});

function inThread<Options>(predictor: Predictor<Options>, file: string): Predictor<Options> {
  const moduleUrl = new URL(`../../../src/plugins/predictors/${file}.js`, import.meta.url);
  const plugin = predictor as Predictor;
  return {
    ...predictor,
    fit: (pairs, options, seed, files) => fitHosted(describeModule(plugin, { moduleUrl, options, files }), pairs, seed),
    load: (bytes) => loadHosted(describeModule(plugin, { moduleUrl, options: undefined }), bytes),
  };
}

function drawTable(rows: number, columns: number): PairTable {
  const rates = Float32Array.from({ length: rows * columns }, (_, index) => ((index * 7919) % 1000) / 2000);
  return {
    dimensions: Array.from({ length: columns }, (_, column) => `layers.${column}.ffn_channels`),
    rates,
    targets: Float64Array.from({ length: rows }, (_, row) =>
      rates.subarray(row * columns, (row + 1) * columns).reduce((sum, rate) => sum + rate * rate, 0),
    ),
  };
}
