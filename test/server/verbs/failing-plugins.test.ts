import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobState, type DeepPartial, type PairSet } from '../../../src/client/index.js';
import {
  CALIBRATION,
  DEMO,
  MAGNITUDE,
  REFERENCE_TEXT,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

/*
 * Plug-ins that throw, hang, or answer NaN, the wrong length or the wrong form. Each costs the call that met it: the server
 * answers the next one, and its jobs do not wait.
 */

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({
    config: { plugins: [resolve(import.meta.dirname, '../../fixtures/failing-plugins.mjs')] },
  });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const failing = (how: string) => ({ id: 'failing', options: { how } });

const evaluate = (id: string, how?: string) => ({
  model: DEMO,
  measurement: {
    evaluator: how === undefined ? { id } : failing(how),
    text: REFERENCE_TEXT,
  },
  fidelity: { tokenLimit: 256n },
});

const prune = (how: string, changes: object) => ({
  model: DEMO,
  recipe: MAGNITUDE,
  selection: { $case: 'uniformRate', value: 0.2 } as const,
  output: `output-${how}`,
  ...changes,
});

const score = async (how: string): Promise<void> => {
  const recipe = { criterion: failing(how), compensation: { id: 'none' } };
  for await (const _ of verbs.client.services.models.scoreUnits({ model: DEMO, recipe }));
};

const rank = (how: string) =>
  verbs.client.runPrune(prune(how, { recipe: { criterion: failing(how), compensation: { id: 'none' } } }));

const compensate = (how: string) =>
  verbs.client.runPrune(
    prune(how, {
      recipe: { criterion: { id: 'magnitude' }, compensation: failing(how), calibration: CALIBRATION },
    }),
  );

const fit = (how: string) =>
  verbs.client.runFitPredictor({ source: { $case: 'pairs', value: PAIRS }, predictor: failing(how) });

const PAIRS: DeepPartial<PairSet> = {
  dimensions: ['layers.0.ffn_channels'],
  model: DEMO,
  measurementFingerprint: 'm',
  fidelityDigest: 'f',
  pairs: Array.from({ length: 12 }, (_, row) => ({ rates: [row / 20], metrics: { perplexity: 4 + row } })),
};

const search = (how: string) => verbs.client.runSearch(smallSearch({ strategy: failing(how), output: '' }));

const write = (how: string) => verbs.client.runPrune(prune(how, { exporter: failing(how) }));

/** What fails, with the method that the error must name and what it must say. */
describe.each<
  [kind: string, call: (how: string) => Promise<unknown>, cases: [how: string, method: string, message: RegExp][]]
>([
  [
    'criterion',
    score,
    [
      ['throw', 'score', /failed in score\(\): no luck/],
      ['nan', 'score', /gave NaN for unit 0 of the 172 units of kind ffn_channel in layer 0/],
      ['short', 'score', /gave 171 scores for the 172 units/],
      ['shape', 'score', /gave a value of Array in place of a Float32Array/],
    ],
  ],
  [
    'compensation',
    compensate,
    [
      ['throw', 'prepare', /failed in prepare\(\): no luck/],
      ['nan', 'compensate', /gave NaN in its weights/],
      ['short', 'compensate', /gave \d+ numbers as weights for \d+ rows of \d+; \d+ are needed/],
      ['shape', 'prepare', /gave a value of Array in place of an object with compensate\(\)/],
    ],
  ],
  [
    'evaluator',
    (how) => verbs.client.runEvaluate(evaluate('failing', how)),
    [
      ['throw', 'reduce', /failed in reduce\(\): no luck/],
      ['short', 'reduce', /gave 1 numbers as losses for 2 items/],
      ['shape', 'reduce', /gave no number for the metric perplexity/],
      ['plan-shape', 'plan', /in place of \{sequences, measurement, fidelity\}/],
      ['borrowed', 'plan', /gave the scorer \{"id":"perplexity".*its id and options are \{"id":"failing"/],
      ['exit', 'reduce', /failed in reduce\(\): its thread ended by itself with code 3/],
      ['plan-loop', 'plan', /did not come back within 5000 ms/],
    ],
  ],
  [
    'predictor',
    fit,
    [
      ['throw', 'fit', /failed in fit\(\): no luck/],
      ['nan', 'predict', /gave the mean NaN for row 0/],
      ['short', 'predict', /gave 1 values as mean for \d+ rows/],
      ['shape', 'fit', /gave a value of Object in place of an object with predict\(\) and save\(\)/],
    ],
  ],
  [
    'strategy',
    search,
    [
      ['throw', 'ask', /failed in ask\(\): no luck/],
      ['loop', 'ask', /did not come back within 5000 ms/],
      ['nan', 'best', /gave \[NaN, NaN.*\], which is no point of the space/],
      ['short', 'best', /which is no point of the space: 10 counts are needed/],
      ['shape', 'ask', /gave a value of number, which is no point of the space/],
    ],
  ],
  [
    'exporter',
    write,
    [
      ['throw', 'write', /failed in write\(\): no luck/],
      ['nan', 'write', /gave a value of Object in place of \{files, bytes, digests\?\}/],
      ['shape', 'write', /gave a value of Array in place of \{files, bytes, digests\?\}/],
      ['supports-shape', 'supports', /gave a value of string in place of \{ok: true, loadsIn\}/],
      ['supports-loop', 'supports', /did not come back within 5000 ms/],
    ],
  ],
])('a failing %s', (kind, call, cases) => {
  it.each(cases)('costs its own call: %s in %s()', async (how, method, message) => {
    await expect(call(how)).rejects.toMatchObject({
      reason:
        message.source.includes('failed in') || message.source.includes('come back')
          ? 'PLUGIN_FAILED'
          : 'PLUGIN_INVALID',
      message: expect.stringMatching(message) as string,
      metadata: { kind, id: 'failing', method },
    });
    expect(await readdir(verbs.path('outputs'))).not.toContain(`output-${how}`);
    await expectServing();
  });
});

describe('an evaluator', () => {
  it('in a thread of its own measures what one in the server does', async () => {
    const [own, apart] = [
      await verbs.client.runEvaluate(evaluate('perplexity')),
      await verbs.client.runEvaluate(evaluate('failing', 'well')),
    ];
    expect(apart.map(({ metrics }) => metrics)).toEqual(own.map(({ metrics }) => metrics));
  });

  it('whose metric is NaN gives a metric that is invalid, as a broken model does', async () => {
    await expect(verbs.client.runEvaluate(evaluate('failing', 'nan'))).rejects.toMatchObject({
      reason: 'METRIC_INVALID',
    });
  });
});

describe.each<[kind: string, call: (how: string) => Promise<unknown>, how: string]>([
  ['criterion', rank, 'loop'],
  ['compensation', compensate, 'loop'],
  ['evaluator', (how) => verbs.client.runEvaluate(evaluate('failing', how)), 'never'],
  ['evaluator', (how) => verbs.client.runEvaluate(evaluate('failing', how)), 'loop-later'],
  ['predictor', fit, 'loop'],
  ['exporter', write, 'loop'],
])('a %s that hangs', (_, call, how) => {
  it('is ended when its job is cancelled', async () => {
    const hung = call(how).catch((error: unknown) => error);
    const jobId = await findRunning();
    await verbs.client.services.jobs.cancelJob({ jobId });
    expect(await hung).toMatchObject({ reason: 'CANCELLED' });
    await expectServing();
  });
});

async function findRunning(): Promise<string> {
  for (;;) {
    const { jobs } = await verbs.client.services.jobs.listJobs({ state: JobState.RUNNING });
    if (jobs[0] !== undefined) return jobs[0].id;
    await setTimeout(20);
  }
}

/** The plug-in is still listed, no job is left, and the next call is answered. */
async function expectServing(): Promise<void> {
  const { plugins } = await verbs.client.services.catalog.listPlugins({});
  expect(plugins.filter(({ id }) => id === 'failing')).toHaveLength(6);
  expect(await verbs.client.runEvaluate(evaluate('perplexity'))).toBeDefined();
  for (const state of [JobState.RUNNING, JobState.QUEUED])
    expect((await verbs.client.services.jobs.listJobs({ state })).jobs).toEqual([]);
}
