import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import type { PairTable } from '../../../src/core/pairs.js';
import type { Predictor } from '../../../src/core/ports/predictor.js';
import xgboost from '../../../src/plugins/predictors/xgboost.js';
import {
  describeModule,
  fitHosted,
  loadHosted,
  type PredictorModule,
} from '../../../src/server/predictors/predictor-host.js';
import { writePlugin } from '../../support/fixture-plugins.js';

const pairs: PairTable = {
  dimensions: ['a'],
  rates: Float32Array.of(0, 0.1, 0.2, 0.3, 0.4, 0.5),
  targets: Float64Array.of(1, 1.1, 1.3, 1.6, 2, 2.5),
};
const batch = { rates: Float32Array.of(0.25), columns: 1 };

/** Third-party plug-ins, each bad in its own way; the `options` say how. */
const HOSTILE = `export default plugin.definePredictor({
  id: 'hostile',
  summary: 'Bad in many ways.',
  options: plugin.z.string(),
  runsIn: 'worker',
  pairs: { least: 2, most: 1000 },
  fit: async (pairs, how) => {
    if (how === 'throw') throw new Error('no luck');
    if (how === 'exit') process.exit(3);
    if (how === 'hang') for (;;);
    if (how === 'noise') { process.stdout.write('noise'); console.error('noise'); }
    return {
      predict: async () => {
        const wrong = { nan: { mean: Float64Array.of(NaN) }, list: { mean: [1] }, short: { mean: new Float64Array(0) }, nothing: undefined, unsure: { mean: Float64Array.of(1), deviation: Float64Array.of(Infinity) } };
        if (how in wrong) return wrong[how];
        if (how === 'ask') throw 'a string';
        if (how === 'hang-on-ask') for (;;);
        if (how === 'late') setTimeout(() => { throw new Error('much later'); }, 10);
        if (how === 'late' || how === 'never') await new Promise(() => {});
        return { mean: Float64Array.of(1) };
      },
      save: () => (how === 'unsaved' ? { weights: [1, 2, 3] } : Uint8Array.of(1, 2, 3)),
    };
  },
  load: async (bytes) => ({ predict: async () => ({ mean: Float64Array.of(bytes.reduce((sum, byte) => sum + byte, 0)) }), save: () => bytes }),
});`;

let directory: string;
let hostile: (how: string) => PredictorModule;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'predictor-host-'));
  const moduleUrl = writePlugin(join(directory, 'hostile.mjs'), HOSTILE);
  const plugin = { ...(xgboost as Predictor), id: 'hostile' };
  hostile = (how) => describeModule(plugin, { moduleUrl, options: how });
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

describe('fitHosted', () => {
  it("runs the plug-in's module in a thread, and loads again what it saved", async () => {
    const fitted = await fitHosted(hostile('well'), pairs, 1);
    expect(await fitted.predict(batch)).toEqual({ mean: Float64Array.of(1) });
    const loaded = await loadHosted(hostile('well'), fitted.save());
    expect(await loaded.predict(batch)).toEqual({ mean: Float64Array.of(6) });
    await Promise.all([fitted.close(), loaded.close()]);
  });

  it.each([
    ['throw', 'predictor "hostile" failed in fit(): no luck'],
    ['exit', 'predictor "hostile" failed in fit(): its thread ended by itself with code 3'],
  ])('reports what went wrong when the fit does %s', async (how, message) => {
    await expect(fitHosted(hostile(how), pairs, 1)).rejects.toMatchObject({
      reason: 'PLUGIN_FAILED',
      message,
      metadata: { kind: 'predictor', id: 'hostile', method: 'fit' },
    });
  });

  it('ends a fit that never ends when its signal fires, with the reason of the signal', async () => {
    const cancel = new AbortController();
    const reason = new PrunecastError('CANCELLED', 'cancelled by a caller');
    const fitting = fitHosted(hostile('hang'), pairs, 1, { signal: cancel.signal });
    setTimeout(() => cancel.abort(reason), 50);
    await expect(fitting).rejects.toBe(reason);
    await expect(fitHosted(hostile('well'), pairs, 1, { signal: cancel.signal })).rejects.toBe(reason);
  });

  it('refuses a model that save() does not give as bytes, in place of a fault of the server', async () => {
    await expect(fitHosted(hostile('unsaved'), pairs, 1)).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: 'predictor "hostile": save() gave a value of Object in place of a Uint8Array',
    });
  });

  it.each([
    ['nan', 'gave the mean NaN for row 0; a finite number is needed'],
    ['list', 'gave a value of Array as mean in place of a Float64Array'],
    ['short', 'gave 0 values as mean for 1 rows'],
    ['nothing', 'gave undefined as mean in place of a Float64Array'],
    ['unsure', 'gave the deviation Infinity for row 0; a finite number is needed'],
  ])('takes no answer but a finite number a row (%s)', async (how, message) => {
    const fitted = await fitHosted(hostile(how), pairs, 1);
    await expect(fitted.predict(batch)).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: `predictor "hostile": predict() ${message}`,
    });
    await fitted.close();
  });

  it('rejects the question that broke the model, and answers the next one from what was saved', async () => {
    const fitted = await fitHosted(hostile('ask'), pairs, 1);
    const broken = fitted.predict(batch);
    const behind = fitted.predict(batch);
    await expect(broken).rejects.toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: 'predictor "hostile" failed in predict(): a string',
    });
    expect(await behind).toEqual({ mean: Float64Array.of(6) });
    await fitted.close();
  });

  it('answers again after the thread died of something else, and rejects open questions when it is closed', async () => {
    const late = await fitHosted(hostile('late'), pairs, 1);
    await expect(late.predict(batch)).rejects.toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: expect.stringContaining('much later') as string,
    });
    expect(await late.predict(batch)).toEqual({ mean: Float64Array.of(6) });
    await late.close();
    const closed = await fitHosted(hostile('never'), pairs, 1);
    const answer = closed.predict(batch);
    await Promise.all([closed.close(), expect(answer).rejects.toMatchObject({ reason: 'CANCELLED' })]);
    await expect(closed.predict(batch)).rejects.toMatchObject({ reason: 'CANCELLED' });
  });

  it.each(['worker', 'process'] as const)(
    'gives up a question that hangs soon after its cancel, and answers the one behind it: %s',
    async (runsIn) => {
      const fitted = await fitHosted({ ...hostile('hang-on-ask'), runsIn }, pairs, 1);
      const cancel = new AbortController();
      const hung = fitted.predict(batch, { signal: cancel.signal });
      const behind = fitted.predict(batch);
      const cancelledAt = performance.now();
      cancel.abort(new Error('enough'));
      await expect(hung).rejects.toThrow('enough');
      expect(await behind).toEqual({ mean: Float64Array.of(6) });
      // Two seconds are promised. The rest is for a busy machine: the question never ends by itself.
      expect(performance.now() - cancelledAt).toBeLessThan(15_000);
      await fitted.close();
    },
  );

  it("keeps a predictor's chatter off the server's output", async () => {
    const written: unknown[] = [];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (chunk: unknown) => written.push(chunk) > 0;
    try {
      await (await fitHosted(hostile('noise'), pairs, 1)).close();
      const moduleUrl = new URL('../../../src/plugins/predictors/xgboost.js', import.meta.url);
      const module = describeModule(xgboost as Predictor, { moduleUrl, options: xgboost.options.parse({}) });
      await (await fitHosted(module, pairs, 1)).close();
    } finally {
      process.stdout.write = write;
    }
    expect(written).toEqual([]);
    expect(
      process.listeners('uncaughtException').filter((listener) => String(listener).includes('ExitStatus')),
    ).toEqual([]);
  });
});

describe('xgboost', () => {
  const moduleUrl = new URL('../../../src/plugins/predictors/xgboost.js', import.meta.url);
  const module = describeModule(xgboost as Predictor, { moduleUrl, options: xgboost.options.parse({}) });

  it('refuses more rates than its heap holds, by number', async () => {
    const columns = 200;
    const wide: PairTable = {
      dimensions: Array.from({ length: columns }, (_, column) => `layers.${column}.ffn_channels`),
      rates: new Float32Array(6000 * columns),
      targets: new Float64Array(6000),
    };
    await expect(fitHosted(module, wide, 1)).rejects.toMatchObject({
      reason: 'PAIRS_TOO_MANY',
      metadata: { pairs: '6000', most: '5000' },
    });
  });

  it('answers more rates at once than its heap holds', async () => {
    const columns = 200;
    const drawn = (rows: number) =>
      Float32Array.from({ length: rows * columns }, (_, index) => (Math.floor(index / columns) % 10) / 10);
    const wide: PairTable = {
      dimensions: Array.from({ length: columns }, (_, column) => `d${column}`),
      rates: drawn(10),
      targets: Float64Array.from({ length: 10 }, (_, row) => row),
    };
    const fitted = await fitHosted({ ...module, options: xgboost.options.parse({ trees: 3 }) }, wide, 1);
    const { mean } = await fitted.predict({ rates: drawn(7000), columns }); // 1,400,000 rates
    const alone = (await fitted.predict({ rates: drawn(10), columns })).mean;
    expect([mean[5], mean[6999]]).toEqual([alone[5], alone[9]]);
    await fitted.close();
  });

  it('refuses a rate that is not a number instead of aborting', async () => {
    const fitted = await fitHosted(module, pairs, 1);
    await expect(fitted.predict({ rates: Float32Array.of(Number.NaN), columns: 1 })).rejects.toMatchObject({
      reason: 'PREDICTOR_FAILED',
      message: expect.stringContaining('not a finite number'),
    });
  });
});
