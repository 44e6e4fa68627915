import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Control,
  createClient,
  JobState,
  type DeepPartial,
  type EvaluateRequest,
  type EvaluateTarget,
  type PruneRequest,
  type Recipe,
} from '../../../src/client/index.js';
import { importPlugins } from '../../../src/plugin-host/import-plugins.js';
import { listChecks } from '../../../src/plugins/testing/index.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import {
  CALIBRATION,
  countDemoParameters,
  DEMO,
  demoLayers,
  listTrials,
  MAGNITUDE,
  readWeights,
  REFERENCE_TEXT,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

const PLUGIN = resolve(import.meta.dirname, '../../fixtures/checkpoint-evaluator.mjs');

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({ config: { plugins: [PLUGIN] } });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const benchmark = (options: Readonly<Record<string, string>> = {}) => ({ id: 'own-benchmark', options });
const evaluate = (changes: DeepPartial<EvaluateRequest> = {}): DeepPartial<EvaluateRequest> => ({
  model: DEMO,
  recipe: MAGNITUDE,
  targets: [{ target: { $case: 'uniformRate', value: 0.3 } }],
  measurement: { evaluator: benchmark() },
  ...changes,
});
const listScratch = (folder: string): Promise<string[]> => readdir(join(folder, 'state', 'scratch')).catch(() => []);

/** What an output's file says, by a sum of its own. */
async function addWeights(output: string): Promise<{ values: number; absolute_sum: number }> {
  const { values } = await readWeights(verbs.path('outputs', output, 'model.safetensors'));
  let sum = 0;
  for (let at = 0; at < values.length; at += 4) sum += Math.abs(values.readFloatLE(at));
  return { values: values.length / 4, absolute_sum: sum };
}

describe('an evaluator that reads a written checkpoint', () => {
  const uneven = demoLayers([
    [4, 172],
    [3, 100],
    [2, 80],
    [1, 7],
    [4, 1],
  ]);
  const targets: DeepPartial<EvaluateTarget>[] = [
    { target: { $case: 'dense', value: {} } },
    { target: { $case: 'uniformRate', value: 0.3 } },
    { target: { $case: 'architecture', value: { layers: uneven } } },
  ];

  it('measures each architecture, and is paid once: the second answer is that of the store', async () => {
    const mark = verbs.path('second');
    const first = await verbs.client.runEvaluate(evaluate({ targets }));
    expect(first.map(({ metrics }) => metrics['values'])).toEqual(
      first.map(({ architecture }) => countDemoParameters(architecture?.layers ?? [])),
    );
    expect(first[2]?.architecture?.layers).toEqual(uneven);
    expect(first.map(({ metrics }) => metrics['layers'])).toEqual([5, 5, 5]);
    // Nine tensors a layer, the embeddings and the last norm: only the evaluator knows how many.
    expect(first.map(({ items }) => items)).toEqual([47, 47, 47]);
    expect(first[0]?.standardErrors['mean_shape']).toBeGreaterThan(100);
    const asked = evaluate({ targets, measurement: { evaluator: benchmark({ mark }) } });
    // Another measurement: its options differ. It is measured, then found.
    expect((await verbs.client.runEvaluate(asked)).map(({ metrics }) => metrics)).toEqual(
      first.map(({ metrics }) => metrics),
    );
    await rm(mark);
    expect((await verbs.client.runEvaluate(asked)).map(({ metrics }) => metrics)).toEqual(
      first.map(({ metrics }) => metrics),
    );
    expect(existsSync(mark)).toBe(false);
    expect(await listScratch(verbs.server.folder)).toEqual([]);
  });

  it.each<[string, DeepPartial<Recipe>]>([
    ['as it is', MAGNITUDE],
    ['with the one-shot fit', { ...MAGNITUDE, compensation: { id: 'least-squares' }, calibration: CALIBRATION }],
    [
      'with the fit on its own stream',
      { ...MAGNITUDE, compensation: { id: 'least-squares', options: { fit: 'stream' } }, calibration: CALIBRATION },
    ],
    ['with added biases', { ...MAGNITUDE, compensation: { id: 'mean' }, calibration: CALIBRATION }],
  ])('gets the model that Prune writes, %s', async (name, recipe) => {
    const output = name.replaceAll(' ', '-');
    await verbs.client.runPrune({
      model: DEMO,
      recipe,
      selection: { $case: 'architecture', value: { layers: uneven } },
      output,
    });
    const [result] = await verbs.client.runEvaluate(evaluate({ recipe, targets: targets.slice(2) }));
    expect(result?.metrics).toMatchObject(await addWeights(output));
  });

  it('has the exporter and its options in its measurement', async () => {
    const [auto] = await verbs.client.runEvaluate(evaluate());
    expect(JSON.parse(auto?.measurement?.exporter ?? '')).toMatchObject({ id: 'hf', options: { form: 'auto' } });
    const [stock] = await verbs.client.runEvaluate(
      evaluate({ measurement: { evaluator: benchmark({ form: 'stock' }) } }),
    );
    expect(stock?.measurement?.fingerprint).not.toBe(auto?.measurement?.fingerprint);
  });

  it('is measured beside others of a request', async () => {
    const [result] = await verbs.client.runEvaluate(
      evaluate({
        measurement: { text: REFERENCE_TEXT },
        fidelity: { tokenLimit: 256n },
        furtherMeasurements: [{ evaluator: benchmark() }],
      }),
    );
    expect(result?.metrics['perplexity']).toBeGreaterThan(1);
    expect(result?.further[0]?.metrics['values']).toBe(countDemoParameters(result?.architecture?.layers ?? []));
  });

  it('is planned with the time and the room of what is written', async () => {
    const plan = await verbs.client.planEvaluate(evaluate({ targets }));
    expect(plan.diskBytes).toBe(BigInt(4 * 260_032));
    expect(plan.estimatedSeconds).toBeGreaterThan(0);
  });

  it.each<[string, DeepPartial<EvaluateRequest>, object]>([
    [
      'an architecture that the exporter cannot write',
      { targets: targets.slice(2), measurement: { evaluator: benchmark({ form: 'stock' }) } },
      {
        reason: 'EXPORT_UNSUPPORTED',
        violations: [expect.objectContaining({ field: 'targets[0]' })],
        message: expect.stringMatching(/"hf", which cannot write .*different shapes.*Take another exporter/) as string,
      },
    ],
    [
      'an exporter that the server does not have',
      { measurement: { evaluator: benchmark({ exporter: 'gguf-of-ours' }) } },
      {
        reason: 'PLUGIN_NOT_FOUND',
        violations: [expect.objectContaining({ field: 'measurement.evaluator.exporter.id' })],
      },
    ],
  ])('is refused before its job for %s', async (_, changes, refusal) => {
    const before = (await verbs.client.services.jobs.listJobs({})).jobs.length;
    await expect(verbs.client.runEvaluate(evaluate(changes))).rejects.toMatchObject(refusal);
    expect((await verbs.client.services.jobs.listJobs({})).jobs).toHaveLength(before);
  });
});

/** An error that says why `gguf` writes nothing. */
const refusal = (field: string) => ({
  reason: 'EXPORT_UNSUPPORTED',
  violations: [{ field, description: expect.stringMatching(/"gguf".*no tokenizer\.json.*exporter hf/) as string }],
});

describe('an exporter that can write nothing of a model', () => {
  it('is refused before there is a job, by what asks for it, and told by InspectModel', async () => {
    const model = 'bare';
    await cp(DEMO_DIRECTORY, verbs.path('models', model), {
      recursive: true,
      filter: (path) => !path.endsWith('tokenizer.json'), // llama.cpp runs no model without one
    });
    const { client } = verbs;
    const before = (await client.services.jobs.listJobs({})).jobs.length;
    const evaluator = benchmark({ exporter: 'gguf' });
    const exporter = { id: 'gguf' };
    const pruned: DeepPartial<PruneRequest> = {
      model,
      recipe: MAGNITUDE,
      exporter,
      output: 'never',
      selection: { $case: 'uniformRate', value: 0.3 },
    };
    await expect(client.runPrune(pruned)).rejects.toMatchObject(refusal('exporter'));
    await expect(client.planPrune(pruned)).rejects.toMatchObject(refusal('exporter'));
    await expect(client.runEvaluate(evaluate({ model, measurement: { evaluator } }))).rejects.toMatchObject(
      refusal('measurement.evaluator'),
    );
    await expect(
      client.runSearch(smallSearch({ model, furtherMeasurements: [{ name: 'own', evaluator }] })),
    ).rejects.toMatchObject(refusal('further_measurements[0].evaluator'));
    const { loads } = await client.services.models.inspectModel({ model });
    const notes = loads.filter((row) => row.exporter === 'gguf').map(({ note }) => note);
    expect(notes).not.toEqual([]);
    for (const note of notes) expect(note).toMatch(/no tokenizer\.json.*exporter hf/);
    expect((await client.services.jobs.listJobs({})).jobs).toHaveLength(before);
  });
});

describe('a written checkpoint', () => {
  it('is removed when the evaluator fails', async () => {
    const mark = verbs.path('failed');
    await expect(
      verbs.client.runEvaluate(evaluate({ measurement: { evaluator: benchmark({ how: 'throw', mark }) } })),
    ).rejects.toMatchObject({ reason: 'PLUGIN_FAILED', message: expect.stringMatching(/no luck/) as string });
    expect(existsSync(await readFile(mark, 'utf8'))).toBe(false);
    expect(await listScratch(verbs.server.folder)).toEqual([]);
  });

  it.each(['hang', 'wait'])('is removed when the job is cancelled, though the evaluator would %s', async (how) => {
    const mark = verbs.path(`cancelled-${how}`);
    const hung = verbs.client
      .runEvaluate(evaluate({ measurement: { evaluator: benchmark({ how, mark }) } }))
      .catch((error: unknown) => error);
    const directory = await readMark(mark);
    expect(await readdir(directory)).toContain('model.safetensors');
    const { jobs } = await verbs.client.services.jobs.listJobs({ state: JobState.RUNNING });
    await verbs.client.services.jobs.cancelJob({ jobId: jobs[0]?.id ?? '' });
    expect(await hung).toMatchObject({ reason: 'CANCELLED' });
    expect(existsSync(`${mark}-ended`)).toBe(how === 'wait'); // one that listens can end what it has started
    expect(await listScratch(verbs.server.folder)).toEqual([]);
  });

  it('is swept by the next server if its own was killed', async () => {
    const folder = await makeFolder();
    const environment = { PRUNECAST_PLUGINS: PLUGIN, PRUNECAST_INTERRUPTED_JOBS: 'pause' };
    const killed = await startServerChild(folder, { environment });
    const client = createClient({ address: killed.address });
    const mark = join(folder, 'killed');
    const ended = client
      .runEvaluate(evaluate({ measurement: { evaluator: benchmark({ how: 'hang', mark }) } }), {
        reattach: { giveUpAfterMs: 0, giveUpStartAfterMs: 0 },
      })
      .catch(() => undefined);
    const directory = await readMark(mark);
    await killed.signal('SIGKILL');
    await ended;
    client.close();
    expect(await readdir(directory)).toContain('model.safetensors');
    const next = await startServerChild(folder, { environment });
    expect(await listScratch(folder)).toEqual([]);
    await next.stop();
    await rm(folder, { recursive: true, force: true });
  });
});

/** What a fixture has written, once it is there. */
async function readMark(mark: string): Promise<string> {
  for (;;) {
    const text = await readFile(mark, 'utf8').catch(() => '');
    if (text !== '') return text;
    await pause(10);
  }
}

const [evaluator] = await importPlugins(pathToFileURL(PLUGIN).href);
describe('the conformance kit', () => {
  const checkpoint = {
    directory: DEMO_DIRECTORY,
    files: ['config.json', 'model.safetensors'],
    bytes: 1,
    sourceDigest: 'demo',
  };
  const checks = evaluator === undefined ? [] : listChecks(evaluator, { checkpoint });
  it.each(checks.map((check) => [check.name, check] as const))('%s', async (_, { run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('a Search with an evaluator of checkpoints', () => {
  it('keeps a limit on its metric, which every trial has', { timeout: 120_000 }, async () => {
    const limit = 26_300;
    const report = await verbs.client.runSearch(
      smallSearch({
        furtherMeasurements: [{ name: 'own', evaluator: benchmark() }],
        objectives: [
          { metric: 'perplexity', weight: 1 },
          { metric: 'own.absolute_sum', limit },
        ],
        pairs: { count: 16, rungs: [{ tokenLimit: 256n }] },
        controls: [Control.UNIFORM_PAPER],
      }),
    );
    expect(report.winner?.metrics['own.values']).toBe(Number(report.winner?.parameters));
    // Candidates are chosen by predictions, which may be off by a little; without the limit the winner has 26,208.
    expect(report.winner?.metrics['own.absolute_sum']).toBeGreaterThan(0.999 * limit);
    const trials = await listTrials(verbs.client, report.studyId);
    for (const { architecture, metrics } of trials)
      expect(metrics['own.values']).toBe(countDemoParameters(architecture?.layers ?? []));
    expect(trials.filter(({ metrics }) => (metrics['own.absolute_sum'] ?? 0) < limit).length).toBeGreaterThan(5);
    expect(await listScratch(verbs.server.folder)).toEqual([]);
  });

  it('is refused before its job if its exporter cannot write an architecture of the space', async () => {
    await expect(
      verbs.client.runSearch(
        smallSearch({ furtherMeasurements: [{ name: 'own', evaluator: benchmark({ form: 'stock' }) }] }),
      ),
    ).rejects.toMatchObject({
      reason: 'EXPORT_UNSUPPORTED',
      violations: [expect.objectContaining({ field: 'further_measurements[0].evaluator' })],
    });
  });
});
