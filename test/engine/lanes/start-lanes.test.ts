import { readdir, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Precision } from '../../../src/core/measurement.js';
import type { Architecture } from '../../../src/core/model/shape.js';
import { identityRanking } from '../../../src/core/model/units.js';
import type { Compensation } from '../../../src/core/ports/compensation.js';
import { scoreFrom, type Sequence } from '../../../src/core/sequence.js';
import type { Observation } from '../../../src/core/ports/evaluator.js';
import type { WorkContext, WorkProgress } from '../../../src/core/ports/work-context.js';
import { openCheckpoint } from '../../../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel, RankedRecipe } from '../../../src/engine/language-model.js';
import { openLanguageModel } from '../../../src/engine/open-language-model.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import { calibrationSequences, evaluationWindows } from '../../support/criteria-reference.js';
import { DEMO_DIRECTORY, unattended, withModel } from '../../support/demo-model.js';
import { makeFolder } from '../../support/test-server.js';

const AMPLE = 2 ** 30;
const LEAST_SQUARES = new URL('../../../src/plugins/compensations/least-squares.js', import.meta.url);
const THREADS = new URL('../../fixtures/thread-compensation.mjs', import.meta.url);

const open = async (threads: number): Promise<LanguageModel> =>
  openLanguageModel(await openCheckpoint(DEMO_DIRECTORY), { threads, memoryBudgetBytes: AMPLE });

let one: LanguageModel;
let two: LanguageModel;
beforeAll(async () => {
  [one, two] = [await open(1), await open(2)];
});
afterAll(async () => {
  await one.close();
  await two.close();
});

/** Five architectures, two of which begin alike, one with a dropped half-block. */
const architectures: Architecture[] = [
  [4, 172, 172],
  [4, 172, 90],
  [3, 120, 60],
  [2, 99, 172],
  [4, 0, 100],
].map(([kvHeads = 0, first = 0, last = 0]) =>
  Array.from({ length: 5 }, (_, layer) => ({
    kvHeads,
    queryHeadsPerKv: 2,
    ffnChannels: layer < 3 ? first : last,
  })),
);

async function leastSquaresOf(model: LanguageModel, fit: 'one-shot' | 'stream'): Promise<RankedRecipe> {
  return {
    ranking: identityRanking(model.shape.layers),
    compensation: {
      plugin: leastSquares as Compensation,
      options: { damping: 0.01, fit, refit: 'pruned' },
      moduleUrl: LEAST_SQUARES,
      calibration: await model.calibrate(calibrationSequences.slice(0, 8), ['gram'], unattended),
    },
  };
}

async function measure(
  model: LanguageModel,
  recipe: RankedRecipe,
  asked: readonly Architecture[],
  {
    windows = evaluationWindows,
    work = unattended,
    precision = 'float32',
  }: { readonly windows?: readonly Sequence[]; readonly work?: WorkContext; readonly precision?: Precision } = {},
): Promise<Observation[]> {
  const found: Observation[] = [];
  for await (const item of model.subject(recipe).observe(asked, { sequences: windows, precision }, work))
    found.push(item);
  return found.toSorted((a, b) => a.index - b.index);
}

const own = async (model: LanguageModel): Promise<RankedRecipe> => ({ ranking: identityRanking(model.shape.layers) });
const oneShot = (model: LanguageModel): Promise<RankedRecipe> => leastSquaresOf(model, 'one-shot');
const stream = (model: LanguageModel): Promise<RankedRecipe> => leastSquaresOf(model, 'stream');

describe('a model with two lanes', () => {
  it.each([
    ['one architecture', own, 1, 32],
    ['one architecture on a single batch', own, 1, 5],
    ['several architectures', own, 5, 32],
    ['several architectures on a single batch', own, 5, 5],
    ['several that are compensated', oneShot, 5, 32],
    ['several that are compensated, on a single batch', oneShot, 5, 5],
    ['one that is fitted on its stream', stream, 1, 32],
    ['several that are fitted on their streams', stream, 5, 32],
  ] as const)('gives the losses of one lane bit for bit: %s', async (_, recipeOf, count, windowCount) => {
    const windows = evaluationWindows.slice(0, windowCount);
    const asked = architectures.slice(-count);
    const expected = await measure(one, await recipeOf(one), asked, { windows });
    expect(await measure(two, await recipeOf(two), asked, { windows })).toEqual(expected);
    // Once more, with what the lanes have in memory by now, and in another order.
    const again = await measure(two, await recipeOf(two), asked.toReversed(), { windows });
    expect(again.map(({ losses }) => losses).toReversed()).toEqual(expected.map(({ losses }) => losses));
  });

  it('writes the weights that one lane writes, fitted on the stream in either lane', async () => {
    const asked = architectures.slice(1, 4);
    const [recipe, sharedRecipe] = [await stream(one), await stream(two)];
    await measure(two, sharedRecipe, asked);
    for (const architecture of asked) {
      const request = { layer: 3, part: 'down', architecture } as const;
      expect(await two.blockMap(sharedRecipe, request, unattended)).toEqual(
        await one.blockMap(recipe, request, unattended),
      );
    }
  });

  it('names a wrong architecture by its place in the call, whichever lane would have had it', async () => {
    const tooMany = (architectures[0] ?? []).map((layer, index) => (index === 0 ? { ...layer, kvHeads: 5 } : layer));
    await expect(measure(two, await own(two), [...architectures, tooMany])).rejects.toMatchObject({
      reason: 'ARCHITECTURE_INVALID',
      violations: [{ field: 'architectures[5].layers[0].kv_heads' }],
    });
  });

  it('reports tokens of all lanes together, up to the total and never back', async () => {
    const seen: WorkProgress[] = [];
    const work = { ...unattended, report: (progress: WorkProgress) => void seen.push(progress) };
    await measure(two, await own(two), architectures, { work });
    const total = 5 * 32 * 128;
    expect(new Set(seen.map((progress) => progress.total))).toEqual(new Set([total]));
    const done = seen.map((progress) => progress.done);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(total);
  });

  it('ends with the reason of its signal, and stays usable', async () => {
    const expected = await measure(one, await own(one), architectures);
    const cancel = new AbortController();
    const reason = new Error('enough');
    const many = Array.from({ length: 100 }, (_, index) =>
      (architectures[0] ?? []).map((layer) => ({ ...layer, ffnChannels: 172 - index })),
    );
    const work = { signal: cancel.signal, report: () => cancel.abort(reason) };
    await expect(measure(two, await own(two), many, { work })).rejects.toBe(reason);
    expect(await measure(two, await own(two), architectures)).toEqual(expected);
  });

  it('answers calls that are made at the same time, each as if it were alone', async () => {
    const recipe = await own(one);
    const tokens = Int32Array.of(1, 2, 3);
    const ask = (model: LanguageModel) =>
      Promise.all([
        measure(model, recipe, architectures),
        model.logits(tokens),
        measure(model, recipe, architectures.slice(0, 1)),
        model.calibrate(calibrationSequences.slice(8, 12), ['gram'], unattended),
        measure(model, recipe, architectures.slice(2)),
      ]);
    expect(await ask(two)).toEqual(await ask(one));
  });

  it('answers work that needs more than the memory of a lane', async () => {
    // One window for which half of this budget, less what the threads take, is too little.
    const memoryBudgetBytes = 700 * 2 ** 20;
    const tokens = Int32Array.from({ length: 6000 }, (_, index) => index % 512);
    const windows = [scoreFrom(tokens)];
    const expected = await measure(one, await own(one), architectures.slice(0, 2), { windows });
    await withModel(
      DEMO_DIRECTORY,
      async (model) => {
        await measure(model, await own(model), architectures);
        expect(await measure(model, await own(model), architectures.slice(0, 2), { windows })).toEqual(expected);
        expect(await measure(model, await own(model), architectures)).toEqual(
          await measure(one, await own(one), architectures),
        );
      },
      { threads: 2, memoryBudgetBytes },
    );
  });
});

/** With a recipe that shows in which threads it runs; in a folder of its own. */
async function withThreads(
  how: 'exit' | 'hang' | 'meet',
  use: (recipe: RankedRecipe, folder: string) => Promise<void>,
) {
  const folder = await makeFolder();
  const { default: plugin } = (await import(THREADS.href)) as { default: Compensation };
  const ranking = identityRanking(two.shape.layers);
  try {
    await use({ ranking, compensation: { plugin, options: { folder, how }, moduleUrl: THREADS } }, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('a plug-in in the lanes of a model', () => {
  it('runs in both at the same time', async () => {
    await withThreads('meet', async (recipe, folder) => {
      expect(await measure(two, recipe, architectures.slice(1))).toHaveLength(4);
      expect(await readdir(folder)).toHaveLength(2);
    });
  });

  it('that ends one thread costs its own call, and the next call is answered', async () => {
    await withThreads('exit', async (recipe) => {
      await expect(measure(two, recipe, architectures.slice(1))).rejects.toMatchObject({
        reason: 'PLUGIN_FAILED',
        message: expect.stringContaining('ended while it worked on this call') as string,
      });
      const ranking = identityRanking(one.shape.layers);
      expect(await measure(two, recipe, architectures.slice(1))).toEqual(
        await measure(one, { ranking }, architectures.slice(1)),
      );
    });
  });

  it('that never comes back in one thread is left behind after a cancel', async () => {
    await withThreads('hang', async (recipe, folder) => {
      const cancel = new AbortController();
      const hung = measure(two, recipe, architectures.slice(1), { work: { signal: cancel.signal } }).catch(
        (error: unknown) => error,
      );
      await vi.waitFor(async () => expect(await readdir(folder)).toHaveLength(1), { timeout: 10_000, interval: 10 });
      cancel.abort(new Error('enough'));
      expect(await hung).toEqual(new Error('enough'));
      expect(await measure(two, recipe, architectures.slice(1))).toHaveLength(4);
    });
  });
});
