import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Control,
  createClient,
  RecoveryEnd,
  StudyPhase,
  TextPart,
  TrialRole,
  type Calibration,
  type DeepPartial,
  type JobEvent,
  type PrunecastClient,
  type SearchRequest,
  type StudyReport,
} from '../../../src/client/index.js';
import { MANIFEST } from '../../../src/server/requests/manifest-schema.js';
import { writeDemoIn } from '../../support/demo-in-dtype.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { startServerChild } from '../../support/server-child.js';
import { makeFolder } from '../../support/test-server.js';
import {
  DEMO,
  listTrials,
  referenceWindows,
  refusalOf,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

/** Stories, not those of the reference text. */
const STORIES: DeepPartial<Calibration>['text'] = {
  source: { $case: 'path', value: join(DEMO, 'stories.json') },
};

/** Parts with texts of their own; reported is the second half of the reference text, 16 windows of 128 tokens. */
const TEXTS: DeepPartial<SearchRequest>['texts'] = {
  calibration: STORIES,
  search: referenceWindows(0, 8),
  verify: referenceWindows(8, 16),
  report: referenceWindows(16, 32),
};

const DISTILL: DeepPartial<SearchRequest>['recovery'] = {
  text: { sequences: 200 },
  plugin: { id: 'distill', options: { learning_rate: 0.003, warm_up_steps: 5, passes: 2, checks: 3 } },
};

/** A third of the parameters gone: training has something to win back. */
const search = (changes: DeepPartial<SearchRequest> = {}) =>
  smallSearch({
    texts: TEXTS,
    recipes: [{ calibration: { sequences: 64 } }],
    budgets: [{ limit: { $case: 'removedShare', value: 0.35 } }],
    ...changes,
  });

/** A third of the training. */
const QUICK_DISTILL: typeof DISTILL = { ...DISTILL, text: { sequences: 64 } };

/** One that is not compared with the reference: less to measure, and a third of the training. */
const quickSearch = (changes: DeepPartial<SearchRequest> = {}) =>
  search({
    recovery: QUICK_DISTILL,
    pairs: { count: 8, rungs: [{ tokenLimit: 256n }] },
    controls: [Control.UNIFORM_PAPER],
    ...changes,
  });

/** A search that trains until it is stopped. */
const endless = (changes: DeepPartial<SearchRequest> = {}) =>
  search({
    recovery: { text: { sequences: 400 }, plugin: { id: 'distill', options: { passes: 100, checks: 100 } } },
    ...changes,
  });

const perplexityOf = (row: { readonly metrics: Readonly<Record<string, number>> } | undefined): number =>
  row?.metrics['perplexity'] ?? NaN;

const isTraining = ({ payload }: JobEvent): boolean =>
  payload?.$case === 'progress' && payload.value.activity.startsWith('recovering (loss');

async function listTrainings(state: string): Promise<string[]> {
  return (await readdir(join(state, 'scratch')).catch(() => [])).filter((name) => name.startsWith('recovery-'));
}

/** The reported windows, measured on a model as it was written. */
async function measureWritten(client: PrunecastClient, model: string): Promise<number> {
  const [result] = await client.runEvaluate({ model, measurement: { text: referenceWindows(16, 32) } });
  return perplexityOf(result);
}

/** How long a job trained, and how long it wrote. */
async function secondsOfRecovery(client: PrunecastClient, jobId: string): Promise<(number | undefined)[]> {
  const { job } = await client.services.jobs.getJob({ jobId });
  return ['recover', 'export'].map((name) => job?.phases.find((phase) => phase.name === name)?.elapsedSeconds);
}

/** Follows a search until it pauses. */
async function searchUntilPaused(client: PrunecastClient, request: DeepPartial<SearchRequest>): Promise<string> {
  for await (const { jobId, payload } of client.search(request)) if (payload?.$case === 'paused') return jobId;
  throw new Error('the study does not pause');
}

describe('a Search with a recovery', () => {
  let verbs: VerbServer;
  let events: JobEvent[];
  let plain: StudyReport;
  let report: StudyReport;
  beforeAll(async () => {
    verbs = await startVerbServer();
    plain = await verbs.client.runSearch(search({ output: 'plain' }));
    events = [];
    report = await verbs.client.runSearch(search({ output: 'trained', recovery: DISTILL }), {
      onEvent: (event) => void events.push(event),
    });
  }, 300_000);
  afterAll(() => verbs[Symbol.asyncDispose]());

  it('writes a model that is better than without one, as the report has it', async () => {
    expect(report.recovered?.name).toBe('winner, recovered');
    expect(report.recovered?.architecture).toEqual(report.winner?.architecture);
    const [before, after] = [
      await measureWritten(verbs.client, 'plain'),
      await measureWritten(verbs.client, 'trained'),
    ];
    const dense = await measureWritten(verbs.client, DEMO);
    expect(Math.abs(after / perplexityOf(report.recovered) - 1)).toBeLessThan(1e-4);
    expect(Math.abs(before / perplexityOf(report.winner) - 1)).toBeLessThan(1e-4);
    expect(before - after).toBeGreaterThan((before - dense) / 5);
  });

  it('compares controls with the winner as it was before, as without a recovery', () => {
    expect(report.winner).toEqual(plain.winner);
    expect(report.controls).toEqual(plain.controls);
    expect(report.lifts).toEqual(plain.lifts);
    expect(plain.recovered ?? plain.recovery ?? plain.recoveryLift).toBeUndefined();
    expect(report.summary.startsWith(plain.summary)).toBe(true);
  });

  it('says by how much the recovered winner is better than the winner before, with an interval', () => {
    const lift = 1 - perplexityOf(report.recovered) / perplexityOf(report.winner);
    expect(report.recoveryLift).toMatchObject({ control: 'winner', metric: 'perplexity' });
    expect(report.recoveryLift?.lift).toBeCloseTo(lift, 12);
    expect(report.recoveryLift?.low).toBeLessThan(lift);
    expect(report.recoveryLift?.high).toBeGreaterThan(lift);
    expect(report.summary).toContain('Its recovery, which controls do not get');
  });

  it('tells what training brought with the winner, in the report and in the manifest', async () => {
    const [found] = events.flatMap(({ payload }) =>
      payload?.$case === 'study' && payload.value.event?.$case === 'winner' ? [payload.value.event.value] : [],
    );
    expect(found).toMatchObject({ output: 'trained', recovery: { plugin: 'distill', ended: RecoveryEnd.FINISHED } });
    expect(report.recovery).toEqual(found?.recovery);
    // 200 sequences of 128 tokens, of which one of 16 is held out, twice, in steps of 8.
    expect(report.recovery?.tokens).toBe(BigInt(Math.ceil((2 * (200 - 12)) / 8) * 8 * 128));
    const manifest = JSON.parse(await readFile(verbs.path('outputs', 'trained', 'prunecast.json'), 'utf8')) as object;
    expect(MANIFEST.safeParse(manifest).error).toBeUndefined();
    expect(manifest).toMatchObject({
      recovery: {
        plugin: { id: 'distill', options: { passes: 2 } },
        held_out_perplexity: { before: report.recovery?.perplexityBefore, after: report.recovery?.perplexityAfter },
      },
      measurements: { study_id: report.studyId, verify_before_recovery: { metrics: report.winner?.verifyMetrics } },
    });
    expect(manifest).not.toHaveProperty('measurements.verify');
  });

  it('names the text of its training and the sequences among its settings', async () => {
    const { overview } = await verbs.client.services.studies.getStudyReport({ studyId: report.studyId });
    const { recovery } = JSON.parse(await readFile(verbs.path('outputs', 'trained', 'prunecast.json'), 'utf8')) as {
      readonly recovery: { readonly text: { readonly textDigest: string } };
    };
    expect(overview?.settings).toEqual(
      expect.arrayContaining([
        { name: 'recovery, text', value: recovery.text.textDigest },
        { name: 'recovery, sequences', value: '200 of 128 tokens' },
      ]),
    );
  });

  it('measures the recovered winner once, under a role of its own, and counts the tokens of its training', async () => {
    const trials = await listTrials(verbs.client, report.studyId);
    const recovered = trials.filter(({ role }) => role === TrialRole.RECOVERED);
    expect(recovered.map(({ part, metrics }) => [part, metrics['perplexity']])).toEqual([
      [TextPart.REPORT, perplexityOf(report.recovered)],
    ]);
    expect(report.recovered?.verifyMetrics).toEqual({});
    expect(report.phases.find(({ phase }) => phase === StudyPhase.EXPORT)?.tokens).toBe(report.recovery?.tokens);
    expect(report.phases.reduce((sum, { tokens }) => sum + tokens, 0n)).toBe(report.tokensSpent);
  });

  it('has a phase `recover` before it writes, in its plan and in its job', async () => {
    const { plan } = await verbs.client.services.pruning.planSearch(search({ output: 'planned', recovery: DISTILL }));
    const without = await verbs.client.services.pruning.planSearch(search({ output: 'planned' }));
    const names = plan?.phases.map(({ name }) => name) ?? [];
    expect(names.slice(names.indexOf('verify'))).toEqual([
      'verify',
      'compensate',
      'recover',
      'export',
      'controls',
      'report',
    ]);
    // Two passes over 200 sequences, 12 of which are held out.
    expect(plan?.phases.find(({ name }) => name === 'recover')?.tokens).toBe(BigInt(2 * 188 * 128));
    expect(plan?.peakMemoryBytes).toBeGreaterThan(without.plan?.peakMemoryBytes ?? 0n);
    const { job } = await verbs.client.services.jobs.getJob({ jobId: events[0]?.jobId ?? '' });
    const phases = job?.phases.map(({ name }) => name) ?? [];
    expect(phases.slice(phases.indexOf('verify'))).toEqual([
      'verify',
      'compensate',
      'recover',
      'export',
      'controls',
      'report',
    ]);
    expect(job?.phases.find(({ name }) => name === 'recover')?.elapsedSeconds).toBeGreaterThan(0);
  });

  it('trains without an output too, and leaves no files of the training', { timeout: 240_000 }, async () => {
    const [written, unwritten] = [
      await verbs.client.runSearch(quickSearch({ output: 'written' })),
      await verbs.client.runSearch(quickSearch()),
    ];
    expect([written.output, unwritten.output]).toEqual(['written', '']);
    expect(unwritten.recovered?.metrics).toEqual(written.recovered?.metrics);
    expect(perplexityOf(unwritten.recovered)).toBeLessThan(perplexityOf(unwritten.winner));
    expect(await listTrainings(verbs.path('state'))).toEqual([]);
  });

  it.each([
    ['report', referenceWindows(16, 32)],
    ['verify', referenceWindows(8, 16)],
  ])('refuses to train on the %s windows', async (part, text) => {
    const refusal = await refusalOf(verbs, () =>
      verbs.client.runSearch(search({ recovery: { ...DISTILL, text: { text } } })),
    );
    expect(refusal).toMatchObject({ reason: 'WINDOWS_OVERLAP', fields: ['recovery.text.text'] });
    expect(refusal.message).toContain(`a sequence of the recovery and a ${part} window share token`);
    expect(refusal.message).toContain('or one in `texts.text` alone');
  });

  it('trains the knee of several objectives', { timeout: 240_000 }, async () => {
    const front = await verbs.client.runSearch(
      search({
        objectives: [{ metric: 'perplexity' }, { metric: 'parameters' }],
        controls: [],
        strategy: { id: 'nsga2' },
        recovery: QUICK_DISTILL,
      }),
    );
    const knee = front.front?.points.find((point) => point.knee);
    expect(front.recovered?.architecture).toEqual(knee?.architecture);
    expect(perplexityOf(front.recovered)).toBeLessThan(perplexityOf(front.winner));
  });

  it('ends within two seconds of a cancel while it trains, without an output or files of the training', async () => {
    const trainings: string[] = [];
    let cancelled: { readonly jobId: string; readonly sinceMs: number } | undefined;
    const follow = async (): Promise<void> => {
      for await (const event of verbs.client.search(endless({ output: 'cancelled' }))) {
        if (cancelled !== undefined || !isTraining(event)) continue;
        const { jobId } = event;
        trainings.push(...(await listTrainings(verbs.path('state'))));
        cancelled = { jobId, sinceMs: performance.now() };
        await verbs.client.services.jobs.cancelJob({ jobId });
      }
    };
    await expect(follow()).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(performance.now() - (cancelled?.sinceMs ?? NaN)).toBeLessThan(2000);
    expect(trainings).toEqual([`recovery-${cancelled?.jobId ?? ''}`]);
    expect(await listTrainings(verbs.path('state'))).toEqual([]);
    expect(await readdir(verbs.path('outputs'))).not.toContain('cancelled');
  });
});

it('reports the model that it writes, rounded to the bfloat16 of its checkpoint', async () => {
  await using verbs = await startVerbServer();
  await writeDemoIn('BF16', verbs.path('models', 'halved'));
  const report = await verbs.client.runSearch(quickSearch({ model: 'halved', output: 'trained', controls: [] }));
  const written = await measureWritten(verbs.client, 'trained');
  expect(Math.abs(written / perplexityOf(report.recovered) - 1)).toBeLessThan(1e-6);
}, 240_000);

describe('a Search with a recovery whose server ends', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await makeFolder();
    await mkdir(join(folder, 'texts', DEMO), { recursive: true });
    await cp(join(DEMO_DIRECTORY, 'stories.json'), join(folder, 'texts', DEMO, 'stories.json'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const start = async () => {
    const server = await startServerChild(folder);
    return { server, client: createClient({ address: server.address }) };
  };

  it('goes on with its training after a kill, and writes what an undisturbed search writes', async () => {
    const request = quickSearch({ output: 'killed', requestId: 'one' });
    const first = await start();
    try {
      const running = first.client.search(request, { reattach: { giveUpAfterMs: 0, giveUpStartAfterMs: 0 } });
      for await (const event of running) if (isTraining(event)) break;
    } finally {
      await first.server.signal('SIGKILL');
      first.client.close();
    }
    expect(await listTrainings(join(folder, 'state'))).toHaveLength(1);
    const second = await start();
    const resumed = await second.client.runSearch(request);
    const whole = await second.client.runSearch({ ...request, output: 'undisturbed', requestId: 'two' });
    expect(resumed.recovered?.metrics).toEqual(whole.recovered?.metrics);
    expect(await second.client.runSearch(request)).toEqual(resumed); // the same request id: the same job
    second.client.close();
    await second.server.signal('SIGKILL');
    const [killed, undisturbed] = await Promise.all(
      ['killed', 'undisturbed'].map((output) => readFile(join(folder, 'outputs', output, 'model.safetensors'))),
    );
    expect(killed?.equals(undisturbed ?? Buffer.alloc(0))).toBe(true);
  }, 300_000);

  it('reports the weights that it wrote before, if the server ends among its controls', async () => {
    const paused = { pauseBefore: [StudyPhase.CONTROLS] };
    const first = await start();
    const [kept, cancelled] = [
      await searchUntilPaused(first.client, quickSearch({ ...paused, output: 'kept' })),
      await searchUntilPaused(first.client, quickSearch({ ...paused, output: 'left' })),
    ];
    const took = await secondsOfRecovery(first.client, kept);
    first.client.close();
    await first.server.signal('SIGKILL');
    expect(await listTrainings(join(folder, 'state'))).toHaveLength(2);
    const second = await start();
    await second.client.services.jobs.cancelJob({ jobId: cancelled });
    expect(await listTrainings(join(folder, 'state'))).toEqual([`recovery-${kept}`]);
    await second.client.services.jobs.resumeJob({ jobId: kept });
    let report: StudyReport | undefined;
    for await (const { payload } of second.client.followJob(kept))
      if (payload?.$case === 'ended' && payload.value.result?.$case === 'search') report = payload.value.result.value;
    expect(await secondsOfRecovery(second.client, kept)).toEqual(took);
    second.client.close();
    await second.server.signal('SIGKILL');
    await mkdir(join(folder, 'state', 'scratch', 'recovery-unknown'));
    const third = await startVerbServer({ folder });
    const written = await measureWritten(third.client, 'kept');
    expect(Math.abs(written / perplexityOf(report?.recovered) - 1)).toBeLessThan(1e-4);
    expect(await listTrainings(join(folder, 'state'))).toEqual([]); // what no job goes on with is swept
    await third[Symbol.asyncDispose]();
  }, 300_000);
});
