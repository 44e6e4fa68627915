import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { fitInThread } from '../../../src/server/predictors/fit-in-thread.js';
import type { FitTask } from '../../../src/server/predictors/fit-messages.js';
import { writePlugin } from '../../support/fixture-plugins.js';

/** A plug-in; the options say how it predicts. */
const PLUGIN = `export default plugin.definePredictor({
  id: 'odd', summary: 'Answers 2.', options: plugin.z.string(), runsIn: 'worker', pairs: { least: 2, most: 100 },
  fit: async (pairs, how) => ({ predict: predictAs(how), save: () => new TextEncoder().encode(how) }),
  load: async (bytes) => { const how = new TextDecoder().decode(bytes); return { predict: predictAs(how), save: () => bytes }; },
});
function predictAs(how) {
  return async ({ rates, columns }) => {
    if (how === 'hang') for (;;);
    return { mean: new Float64Array(rates.length / columns).fill(2) };
  };
}`;

let folder: string;
let task: (how: string) => FitTask;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fit-in-thread-'));
  const odd = writePlugin(join(folder, 'odd.mjs'), PLUGIN);
  const exit = writePlugin(join(folder, 'exit.mjs'), 'process.exit(5);');
  const pairs = {
    dimensions: ['a'],
    rates: Float32Array.from({ length: 12 }, (_, row) => row / 12),
    targets: Float64Array.from({ length: 12 }, (_, row) => row % 4),
  };
  task = (how) => ({
    pairs: [pairs],
    dimensions: ['a'],
    backends: {
      folds: undefined,
      modules: [
        {
          address: {
            moduleUrl: (how === 'exit' ? exit : odd).href,
            kind: 'predictor',
            id: 'odd',
            version: undefined,
          },
          runsIn: 'worker',
          pairs: { least: 2, most: 100 },
          options: how,
        },
      ],
    },
    tables: [],
    seed: 1,
    ranges: [{ minRate: 0, maxRate: 1 }],
    learning: false,
    unseen: [],
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('fitInThread', () => {
  it('leaves the event loop alone while a predictor is judged that never answers, and ends it by the signal', async () => {
    const cancel = new AbortController();
    const fitting = fitInThread(task('hang'), cancel);
    const reason = new PrunecastError('CANCELLED', 'cancelled by a caller');
    setTimeout(() => cancel.abort(reason), 300);
    await expect(fitting).rejects.toBe(reason);
    await expect(fitInThread(task('well'), cancel)).rejects.toBe(reason);
  });

  it('gives back what was saved and measured, and tells of each fit that is over', async () => {
    const told: (readonly [done: number, total: number])[] = [];
    const { signal } = new AbortController();
    const { fits } = await fitInThread(task('well'), {
      signal,
      report: ({ done, total }) => told.push([done, total]),
    });
    // The one for the judgement, five folds, and the one that is kept.
    expect(told).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((done) => [done, 7]));
    // Labels 0, 1, 2, 3 in turn, all predicted as 2: absolute errors 2, 1, 0, 1 out of fold.
    expect(fits).toMatchObject([
      { backend: 'odd', crossValidation: { split: '5-fold', mae: 1 }, saved: new TextEncoder().encode('well') },
    ]);
    expect([...(fits[0]?.residuals ?? [])]).toEqual([-2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1]);
  });

  it('says so when the predictor ends its thread', async () => {
    await expect(fitInThread(task('exit'), new AbortController())).rejects.toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: 'predictor "odd" failed in fit(): its thread ended by itself with code 5',
    });
  });
});
