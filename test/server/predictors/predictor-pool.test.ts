import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PairTable } from '../../../src/core/pairs.js';
import type { Predictor } from '../../../src/core/ports/predictor.js';
import ridge from '../../../src/plugins/predictors/ridge.js';
import xgboost from '../../../src/plugins/predictors/xgboost.js';
import { describeModule, fitHosted, type PredictorModule } from '../../../src/server/predictors/predictor-host.js';
import { createPredictorPool, type PredictorPool } from '../../../src/server/predictors/predictor-pool.js';
import { writePlugin } from '../../support/fixture-plugins.js';

const pairs: PairTable = {
  dimensions: ['a'],
  rates: Float32Array.of(0, 0.1, 0.2, 0.3, 0.4, 0.5),
  targets: Float64Array.of(1, 1.1, 1.3, 1.6, 2, 2.5),
};
const batch = { rates: Float32Array.of(0.25), columns: 1 };

/** Tells how many predictors its thread has fitted; the options say whether and when it fails. */
const COUNTING = `let fits = 0;
export default plugin.definePredictor({
  id: 'counting', summary: 'Counts.', options: plugin.z.string(), runsIn: 'worker', pairs: { least: 2, most: 100 },
  fit: async (pairs, how) => {
    fits += 1;
    if (how === 'fail' || (how === 'fail-later' && fits > 1)) throw new Error('no luck in fit ' + fits);
    const answer = Float64Array.of(fits);
    return { predict: async () => ({ mean: answer }), save: () => new TextEncoder().encode(how) };
  },
  load: async () => { throw new Error('not needed'); },
});`;

let folder: string;
let counting: (how: string) => PredictorModule;
const pools: PredictorPool[] = [];
const openPool = (most: number): PredictorPool => {
  const pool = createPredictorPool(most);
  pools.push(pool);
  return pool;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'predictor-pool-'));
  const moduleUrl = writePlugin(join(folder, 'counting.mjs'), COUNTING);
  const plugin = { ...(xgboost as Predictor), id: 'counting' };
  counting = (how) => describeModule(plugin, { moduleUrl, options: how });
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.close()));
  rmSync(folder, { recursive: true });
});

/** At the address that it has beside the pool, from the sources: its thread is not to start. */
function builtIn(plugin: unknown): PredictorModule {
  const { id } = plugin as Predictor;
  const moduleUrl = new URL(`../../../src/plugins/predictors/${id}.js`, import.meta.url);
  const module = describeModule(plugin as Predictor, { moduleUrl, options: {} });
  return { ...module, address: { ...module.address, moduleUrl: moduleUrl.href } };
}

describe('createPredictorPool', () => {
  it('fits one predictor after the other in the same thread', async () => {
    const workers = openPool(1);
    const answers: number[] = [];
    for (let fit = 0; fit < 3; fit++) {
      const fitted = await fitHosted(counting('well'), pairs, 1, { workers });
      answers.push(...(await fitted.predict(batch)).mean);
      await fitted.close();
    }
    expect(answers).toEqual([1, 2, 3]);
  });

  it('lets whoever asks for more than it lends wait until one is given back', async () => {
    const workers = openPool(1);
    const first = await fitHosted(counting('well'), pairs, 1, { workers });
    const order: string[] = [];
    const second = fitHosted(counting('well'), pairs, 1, { workers }).finally(() => order.push('second'));
    await first.predict(batch);
    order.push('first');
    await first.close();
    await expect(first.predict(batch)).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect([...(await (await second).predict(batch)).mean]).toEqual([2]);
    expect(order).toEqual(['first', 'second']);
  });

  it('tries a fit that fails after others again in a fresh thread, as they may have left it broken', async () => {
    const workers = openPool(1);
    for (let fit = 0; fit < 2; fit++) {
      const fitted = await fitHosted(counting('fail-later'), pairs, 1, { workers });
      expect([...(await fitted.predict(batch)).mean]).toEqual([1]);
      await fitted.close();
    }
    await expect(fitHosted(counting('fail'), pairs, 1, { workers })).rejects.toThrow('no luck in fit 1');
  });

  it('has no more threads than it may lend, whatever plug-ins ask', async () => {
    const workers = openPool(1);
    for (const id of ['counting', 'other', 'counting']) {
      const { address, ...module } = counting('well');
      const worker = await workers.take({ ...module, address: { ...address, id } });
      expect(worker.served).toBe(0); // the one before was ended for it
      await workers.give(worker, 'sound');
    }
  });

  it('serves all built-in plug-ins in the same thread, and keeps only those at rest', async () => {
    const workers = openPool(2);
    const [shared, own] = [await workers.take(builtIn(xgboost)), await workers.take(counting('well'))];
    await workers.give(own, 'sound');
    await workers.give(shared, 'sound');
    await workers.rest();
    expect(await workers.take(builtIn(ridge))).toBe(shared);
    expect(await workers.take(counting('well'))).not.toBe(own);
  });

  it('refuses those who wait when it is closed', async () => {
    const workers = openPool(1);
    const first = await fitHosted(counting('well'), pairs, 1, { workers });
    const second = fitHosted(counting('well'), pairs, 1, { workers });
    await workers.close();
    await Promise.all([first.close(), expect(second).rejects.toMatchObject({ reason: 'CANCELLED' })]);
  });

  it('gives the same boosted trees in a thread that has fitted others', async () => {
    const workers = openPool(1);
    const moduleUrl = new URL('../../../src/plugins/predictors/xgboost.js', import.meta.url);
    const module = describeModule(xgboost as Predictor, { moduleUrl, options: xgboost.options.parse({ trees: 20 }) });
    const others = { ...pairs, targets: pairs.targets.map((target) => target ** 2) };
    await (await fitHosted(module, others, 2, { workers })).close();
    const ridgeUrl = new URL('../../../src/plugins/predictors/ridge.js', import.meta.url);
    const another = describeModule(ridge as Predictor, { moduleUrl: ridgeUrl, options: ridge.options.parse({}) });
    await (await fitHosted(another, others, 2, { workers })).close();
    const fitted = await fitHosted(module, pairs, 1, { workers });
    const alone = await fitHosted(module, pairs, 1);
    expect(fitted.save()).toEqual(alone.save());
    expect(await fitted.predict(batch)).toEqual(await alone.predict(batch));
    await Promise.all([fitted.close(), alone.close()]);
  });
});
