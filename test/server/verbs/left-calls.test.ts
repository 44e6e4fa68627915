import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError, JobState, type DeepPartial, type EvaluateRequest, type Recipe } from '../../../src/client/index.js';
import { listChildren } from '../../support/children.js';
import { spendUntilIdle } from '../../support/process-time.js';
import { loadFixturePlugin } from '../../support/fixture-plugins.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { LONG_PHASES, writeWideModel, WIDE } from './long-phases.js';
import { CALIBRATION, DEMO, MAGNITUDE, startVerbServer, tokenText, type VerbServer } from './verb-server.js';

/** A tokenizer that splits on this takes for ever with many of its letters and none of its end. */
const ENDLESS_SPLIT = '(x+x+)+y';
const ENDLESS_TEXT = 'x'.repeat(60);

/** Two seconds are promised. The rest is for a busy machine: what hangs here never ends by itself. */
const SOON_MS = 15_000;

/** Processor time after a cancel; unlike time by the clock it is the same on a busy machine. */
const MOST_SPENT_MS = 2000;

let verbs: VerbServer;
let mark = '';
beforeAll(async () => {
  verbs = await startVerbServer({
    plugins: await Promise.all(
      ['hanging-criterion.mjs', 'exporters/hanging.mjs', 'waiting-compensation.mjs'].map(loadFixturePlugin),
    ),
  });
  await writeWideModel(verbs.path('models', WIDE));
  const folder = verbs.path('models', 'slow-tokenizer');
  await mkdir(folder, { recursive: true });
  for (const file of ['model.safetensors', 'config.json'])
    await copyFile(join(DEMO_DIRECTORY, file), join(folder, file));
  const tokenizer = JSON.parse(await readFile(join(DEMO_DIRECTORY, 'tokenizer.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  await writeFile(
    join(folder, 'tokenizer.json'),
    JSON.stringify({
      ...tokenizer,
      pre_tokenizer: { type: 'Split', pattern: { Regex: ENDLESS_SPLIT }, behavior: 'Isolated', invert: false },
    }),
  );
});
afterAll(() => verbs[Symbol.asyncDispose]());
beforeEach((context) => {
  mark = verbs.path(`hangs-${context.task.id}`);
});

const hanging = (): DeepPartial<Recipe> => ({
  criterion: { id: 'hanging', options: { mark } },
  compensation: { id: 'none' },
});
const untilItHangs = () => vi.waitFor(() => expect(existsSync(mark)).toBe(true), { timeout: SOON_MS, interval: 10 });
/** A text is tokenized in a process of its own. */
const countProcesses = () => listChildren(process.pid).length;

async function scoreLayers(recipe: DeepPartial<Recipe>, signal?: AbortSignal): Promise<number> {
  let layers = 0;
  for await (const _ of verbs.client.services.models.scoreUnits(
    { model: DEMO, recipe },
    signal === undefined ? {} : { signal },
  ))
    layers += 1;
  return layers;
}

const endlessEvaluation = (requestId: string): DeepPartial<EvaluateRequest> => ({
  requestId,
  model: 'slow-tokenizer',
  measurement: { text: { source: { $case: 'inline', value: ENDLESS_TEXT } }, windows: { window: 8 } },
});

async function countJobs(): Promise<number> {
  return (await verbs.client.services.jobs.listJobs({})).jobs.length;
}

describe('a call whose caller leaves', () => {
  it('ends soon in the thread of the model, though its plug-in never returns, and the next one is answered', async () => {
    const cancel = new AbortController();
    const hung = scoreLayers(hanging(), cancel.signal).catch((error: unknown) => error);
    await untilItHangs();
    const leftAt = performance.now();
    cancel.abort();
    expect(await hung).toBeInstanceOf(CallError);
    expect(await scoreLayers(MAGNITUDE)).toBe(5);
    expect(performance.now() - leftAt).toBeLessThan(SOON_MS);
  });

  it.each(['deadline', 'cancel'] as const)(
    'before there is a job starts none, and what it was at is given up: %s',
    async (how) => {
      const [jobs, processes] = [await countJobs(), countProcesses()];
      const cancel = new AbortController();
      const calling = (async () => {
        for await (const _ of verbs.client.services.pruning.evaluate(
          endlessEvaluation(`endless-${how}`),
          how === 'deadline' ? { timeoutMs: 3000 } : { signal: cancel.signal },
        ));
      })().catch((error: unknown) => error);
      await vi.waitFor(() => expect(countProcesses()).toBeGreaterThan(processes), { timeout: SOON_MS, interval: 5 });
      if (how === 'cancel') cancel.abort();
      expect(await calling).toMatchObject({ code: how === 'cancel' ? 'CANCELLED' : 'DEADLINE_EXCEEDED' });
      await vi.waitFor(() => expect(countProcesses()).toBeLessThanOrEqual(processes), {
        timeout: SOON_MS,
        interval: 20,
      });
      expect(await countJobs()).toBe(jobs);
    },
  );
});

describe('a job that hangs in a plug-in', () => {
  it.each(['criterion', 'exporter'] as const)(
    'gives its turn to the next one soon after its cancel, though the plug-in never returns: %s',
    async (kind) => {
      const { jobs } = verbs.client.services;
      const plugins =
        kind === 'criterion'
          ? { recipe: hanging() }
          : { recipe: MAGNITUDE, exporter: { id: 'hanging', options: { mark } } };
      const hung = verbs.client.prune({
        model: DEMO,
        selection: { $case: 'uniformRate', value: 0.2 },
        output: `never-${kind}`,
        ...plugins,
      });
      const { value: first } = await hung.next();
      const next = verbs.client.runEvaluate({
        model: DEMO,
        measurement: { text: tokenText(Array.from({ length: 64 }, () => 5)), windows: { window: 32 } },
      });
      await untilItHangs();
      const cancelledAt = performance.now();
      const { job } = await jobs.cancelJob({ jobId: first?.jobId ?? '' });
      expect(job?.state).toBe(JobState.CANCELLED);
      expect(await next).toHaveLength(1);
      expect(performance.now() - cancelledAt).toBeLessThan(SOON_MS);
      await expect(
        (async () => {
          for await (const _ of hung);
        })(),
      ).rejects.toMatchObject({ reason: 'CANCELLED' });
    },
  );

  it('does not keep a server from stopping', async () => {
    const other = await startVerbServer({ plugins: [await loadFixturePlugin('hanging-criterion.mjs')] });
    const hung = other.client.prune(
      { model: DEMO, recipe: hanging(), selection: { $case: 'uniformRate', value: 0.2 }, output: 'never' },
      { reattach: { giveUpAfterMs: 0, giveUpStartAfterMs: 0 } },
    );
    await hung.next();
    await untilItHangs();
    const ending = (async () => {
      for await (const _ of hung);
    })().catch((error: unknown) => error);
    const stoppedAt = performance.now();
    await other[Symbol.asyncDispose]();
    expect(performance.now() - stoppedAt).toBeLessThan(SOON_MS);
    expect(await ending).toBeInstanceOf(CallError);
  });
});

describe('a job that is cancelled', () => {
  it.runIf(process.platform === 'linux').each(LONG_PHASES)(
    'soon computes nothing more, and leaves no output: $name',
    async ({ begin, isReached }) => {
      let cancelling: Promise<number> | undefined;
      const ending = (async () => {
        for await (const { jobId, payload } of begin(verbs.client, 'cancelled'))
          if (payload?.$case === 'progress' && isReached(payload.value)) cancelling ??= cancel(jobId);
      })();
      await expect(ending).rejects.toMatchObject({ reason: 'CANCELLED' });
      expect(await cancelling).toBeLessThan(SOON_MS);
      expect(await spendUntilIdle(SOON_MS)).toBeLessThan(MOST_SPENT_MS);
      expect(await readdir(verbs.path('outputs')).catch(() => [])).toEqual([]);
    },
  );

  it.each(['one-shot', 'stream'] as const)('is heard of in a compensation that waits: %s', async (fit) => {
    const events = verbs.client.evaluate({
      model: DEMO,
      recipe: {
        criterion: { id: 'magnitude' },
        compensation: { id: 'waiting', options: { mark, fit } },
        calibration: CALIBRATION,
      },
      measurement: { text: tokenText(Array.from({ length: 64 }, () => 5)), windows: { window: 32 } },
      targets: [{ target: { $case: 'uniformRate', value: 0.2 } }],
    });
    const { value: first } = await events.next();
    const ending = (async () => {
      for await (const _ of events);
    })().catch((error: unknown) => error);
    await untilItHangs();
    await cancel(first?.jobId ?? '');
    expect(await ending).toMatchObject({ reason: 'CANCELLED' });
    await vi.waitFor(() => expect(existsSync(`${mark}-heard`)).toBe(true), { timeout: SOON_MS, interval: 10 });
  });
});

/** The milliseconds that it takes. */
async function cancel(jobId: string): Promise<number> {
  const from = performance.now();
  const { job } = await verbs.client.services.jobs.cancelJob({ jobId });
  expect(job?.state).toBe(JobState.CANCELLED);
  return performance.now() - from;
}
