import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { createFitThreads } from '../../../src/server/predictors/fit-threads.js';
import type { FitTask } from '../../../src/server/predictors/fit-messages.js';
import { writePlugin } from '../../support/fixture-plugins.js';

/** A plug-in; the options say how it predicts. */
const PLUGIN = `export default plugin.definePredictor({
  id: 'odd', summary: 'Answers 2.', options: plugin.z.string(), runsIn: 'worker', pairs: { least: 2, most: 100 },
  fit: async (pairs, how) => ({ predict: predictAs(remember(how)), save: () => new TextEncoder().encode(how) }),
  load: async (bytes) => { const how = new TextDecoder().decode(bytes); return { predict: predictAs(how), save: () => bytes }; },
});
let isMarked = false;
function remember(how) {
  isMarked ||= how === 'mark';
  return isMarked ? 'marked' : how;
}
function predictAs(how) {
  return async ({ rates, columns }) => {
    if (how === 'hang') for (;;);
    return { mean: new Float64Array(rates.length / columns).fill(how === 'marked' ? 3 : 2) };
  };
}`;

const threads = createFitThreads();
let folder: string;
let task: (how: string) => FitTask;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fit-threads-'));
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
afterAll(async () => {
  await threads.close();
  rmSync(folder, { recursive: true });
});

describe('createFitThreads', () => {
  it('leaves the event loop alone while a predictor is judged that never answers, and ends it by the signal', async () => {
    const cancel = new AbortController();
    const fitting = threads.fit(task('hang'), cancel);
    const reason = new PrunecastError('CANCELLED', 'cancelled by a caller');
    setTimeout(() => cancel.abort(reason), 300);
    await expect(fitting).rejects.toBe(reason);
    await expect(threads.fit(task('well'), cancel)).rejects.toBe(reason);
  });

  it('gives back what was saved and measured, and tells of each fit that is over', async () => {
    const told: (readonly [done: number, total: number])[] = [];
    const { signal } = new AbortController();
    const { fits } = await threads.fit(task('well'), {
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

  it('fits one after the other in the same thread, and in another after one that was cancelled', async () => {
    let started = 0;
    const count = (): void => void (started += 1);
    process.on('worker', count);
    await using own = { ...createFitThreads(), [Symbol.asyncDispose]: () => own.close() };
    await own.fit(task('well'), new AbortController());
    await own.fit(task('well'), new AbortController());
    expect(started).toBe(1);
    const cancelled = own.fit(task('hang'), { signal: AbortSignal.timeout(200) });
    await expect(cancelled).rejects.toMatchObject({ name: 'TimeoutError' });
    await own.fit(task('well'), new AbortController());
    expect(started).toBe(2);
    process.off('worker', count);
  });

  it('keeps nothing of a plug-in from one fit to the next', async () => {
    const errors: (number | undefined)[] = [];
    for (const how of ['mark', 'well']) {
      const { fits } = await threads.fit(task(how), new AbortController());
      errors.push(fits[0]?.crossValidation?.mae);
    }
    // Predicted as 3, and as 2: absolute errors 3, 2, 1, 0 and 2, 1, 0, 1.
    expect(errors).toEqual([1.5, 1]);
  });

  it('says so when the predictor ends its thread', async () => {
    await expect(threads.fit(task('exit'), new AbortController())).rejects.toMatchObject({
      reason: 'PLUGIN_FAILED',
      message: 'predictor "odd" failed in fit(): its thread ended by itself with code 5',
    });
  });
});
