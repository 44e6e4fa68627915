import { copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  JobState,
  StudyPhase,
  type DeepPartial,
  type JobEvent,
  type PrunecastClient,
} from '../../../src/client/index.js';
import type { Plugin, PluginEntry } from '../../../src/core/ports/plugin-entry.js';
import { SearchRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import { TrialRole } from '../../../src/gen/prunecast/v1/study_types.js';
import leastSquares from '../../../src/plugins/compensations/least-squares.js';
import distill from '../../../src/plugins/recoveries/distill.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { importPlugins } from '../../../src/plugin-host/import-plugins.js';
import { DEFAULT_PAIRS } from '../../../src/server/requests/defaults.js';
import { startServer } from '../../../src/server/start-server.js';
import { makeFolder } from '../../support/test-server.js';
import {
  CALIBRATION,
  DEMO,
  MAGNITUDE,
  MODELS_ROOT,
  listTrials,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from '../verbs/verb-server.js';

let folder: string;
let verbs: VerbServer;
beforeEach(async () => {
  folder = await makeFolder();
  await mkdir(join(folder, 'models'), { recursive: true });
  await mkdir(join(folder, 'texts'), { recursive: true });
});
afterEach(async () => {
  await verbs[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A server of the sources, whose defaults a test changes. */
const start = (options: Parameters<typeof startVerbServer>[0]) => startVerbServer({ startServer, ...options });

async function restart(...plugins: PluginEntry[]): Promise<void> {
  await verbs[Symbol.asyncDispose]();
  verbs = await start({ folder, plugins });
}

const builtin = (file: string) => new URL(`../../../src/plugins/${file}.ts`, import.meta.url);

/** `least-squares` as another server may have it: with another damping if a request does not say. */
const damped = (damping: number): PluginEntry => ({
  plugin: {
    ...leastSquares,
    overrides: true,
    options: z.strictObject({
      damping: z.number().default(damping).describe('Another default.'),
      fit: z.enum(['one-shot', 'stream']).default('one-shot').describe('As before.'),
    }),
  } as PluginEntry['plugin'],
  moduleUrl: builtin('compensations/least-squares'),
});
const otherDamping = damped(0.2);

const CALIBRATED = {
  criterion: { id: 'fluctuation' },
  compensation: { id: 'least-squares' },
  calibration: CALIBRATION,
};

const calibrated = (changes: DeepPartial<SearchRequest> = {}) => smallSearch({ recipes: [CALIBRATED], ...changes });

/** Starts a search and follows it until it waits before its fit: its pairs are labelled. */
async function pauseBeforeFit(request: DeepPartial<SearchRequest>): Promise<string> {
  for await (const { jobId, payload } of verbs.client.search({ ...request, pauseBefore: [StudyPhase.FIT] }))
    if (payload?.$case === 'paused') return jobId;
  throw new Error('the study did not wait');
}

const jobOf = async (jobId: string, client: PrunecastClient = verbs.client) =>
  (await client.services.jobs.getJob({ jobId })).job;
const resume = (jobId: string) => verbs.client.services.jobs.resumeJob({ jobId, ranges: [] });
const studyOf = async (jobId: string) =>
  (await verbs.client.services.studies.getStudy({ studyId: (await jobOf(jobId))?.studyId ?? '' })).study;

const textFile = (value: string) => ({ source: { $case: 'path' as const, value } });

/** How a job ended that runs by itself. */
async function endOf(jobId: string): Promise<Extract<JobEvent['payload'], { $case: 'ended' }>['value']> {
  for await (const { payload } of verbs.client.followJob(jobId)) if (payload?.$case === 'ended') return payload.value;
  throw new Error('the job did not end');
}

/** Resumes a study each time that it comes to a fit, the first and that of its one round, to its end. */
async function resumeToEnd(jobId: string): Promise<void> {
  await resume(jobId);
  await vi.waitFor(async () => expect((await jobOf(jobId))?.state).toBe(JobState.PAUSED), { timeout: 30_000 });
  await resume(jobId);
  expect((await endOf(jobId)).state).toBe(JobState.SUCCEEDED);
}

/** The error of ResumeJob for a paused job; the job keeps waiting. */
async function refusalOf(jobId: string) {
  const error = (await resume(jobId).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as { reason: string; metadata: Record<string, string>; violations: { field: string }[]; message: string };
  expect(error).toMatchObject({ reason: 'JOB_NOT_RESUMABLE', metadata: { job_id: jobId } });
  expect((await jobOf(jobId))?.state).toBe(JobState.PAUSED);
  return { ...error.metadata, message: error.message, fields: error.violations.map(({ field }) => field) };
}

/** A built-in plug-in as another package may have it, with a version of its own. */
async function writeVersion(file: string, version: string): Promise<PluginEntry> {
  const path = join(folder, `${version}.mjs`);
  const built = new URL(`../../../dist/src/plugins/${file}.js`, import.meta.url);
  await writeFile(
    path,
    `import plugin from '${built.href}';\nexport default { ...plugin, version: '${version}', overrides: true };\n`,
  );
  const moduleUrl = pathToFileURL(path);
  const [plugin] = await importPlugins(moduleUrl.href);
  return { plugin: plugin as Plugin, moduleUrl };
}

/** The tokens that are run for the label of one architecture. */
async function labelOne(): Promise<number> {
  const ids = Array.from({ length: 256 }, (_, index) => index + 3);
  const [result] = await verbs.client.runEvaluate({
    model: DEMO,
    measurement: { text: { source: { $case: 'tokenIds', value: { ids } } } },
    recipe: MAGNITUDE,
    targets: [{ target: { $case: 'uniformRate', value: 0.2 } }],
  });
  return Number(result?.tokensSpent);
}

describe('a label', () => {
  it.each(['criteria/magnitude', 'compensations/none', 'evaluators/perplexity'])(
    'is paid again under another version of %s, and only then',
    async (file) => {
      verbs = await start({ folder });
      expect([await labelOne(), await labelOne()]).toEqual([256, 0]);
      for (const version of ['1.0.0', '2.0.0']) {
        await restart(await writeVersion(file, version));
        expect([await labelOne(), await labelOne()]).toEqual([256, 0]);
      }
      await restart();
      expect(await labelOne()).toBe(0);
    },
  );
});

describe('a study that waits before its fit', () => {
  it('is not resumed under another default of a plug-in, and is when the default is back', async () => {
    verbs = await start({ folder });
    const jobId = await pauseBeforeFit(calibrated());
    const digests = (await studyOf(jobId))?.recipeDigests;
    await restart(otherDamping);
    const refusal = await refusalOf(jobId);
    expect(refusal.fields).toContain('recipes.compared[0].oneShot.compensation.options.damping');
    expect(refusal.message).toContain('has changed since');
    await restart();
    await resumeToEnd(jobId);
    const study = await studyOf(jobId);
    expect(study).toMatchObject({ recipeDigests: digests, planVersion: 1 });
    const pairs = (await listTrials(verbs.client, study?.id ?? '')).filter(({ role }) => role === TrialRole.PAIR);
    expect(pairs).toHaveLength(24);
    expect(new Set(pairs.map(({ recipeDigest }) => recipeDigest))).toEqual(new Set(digests));
  });

  it('is not resumed with another version of its recovery', async () => {
    verbs = await start({ folder });
    const jobId = await pauseBeforeFit(smallSearch({ recovery: { plugin: { id: 'distill' }, text: CALIBRATION } }));
    await restart({
      plugin: { ...distill, version: '99.0.0', overrides: true } as PluginEntry['plugin'],
      moduleUrl: builtin('recoveries/distill'),
    });
    expect(await refusalOf(jobId)).toMatchObject({ field: 'recovery.plugin.version', is: '99.0.0' });
  });

  it('is not resumed under another default of the server', async () => {
    verbs = await start({ folder });
    const jobId = await pauseBeforeFit(smallSearch());
    const { tieRun } = DEFAULT_PAIRS;
    try {
      Object.assign(DEFAULT_PAIRS, { tieRun: 2 });
      expect(await refusalOf(jobId)).toMatchObject({ field: 'study.pairs.tieRun', was: '4', is: '2' });
    } finally {
      Object.assign(DEFAULT_PAIRS, { tieRun });
    }
    await resumeToEnd(jobId);
  });

  it('is not resumed by another version of a plug-in', async () => {
    verbs = await start({ folder });
    const jobId = await pauseBeforeFit(smallSearch());
    await restart({
      plugin: { ...perplexity, version: '99.0.0', overrides: true } as PluginEntry['plugin'],
      moduleUrl: builtin('evaluators/perplexity'),
    });
    expect(await refusalOf(jobId)).toMatchObject({ field: 'evaluator.version', is: '99.0.0' });
  });

  it('is not resumed with another tokenizer, though it gives the same tokens', async () => {
    await cp(join(MODELS_ROOT, DEMO), join(folder, 'models', 'copy'), { recursive: true });
    const text = await readFile(join(MODELS_ROOT, DEMO, 'stories.json'), 'utf8');
    verbs = await start({ folder });
    const inline = { source: { $case: 'inline' as const, value: text.slice(0, 60_000) } };
    const jobId = await pauseBeforeFit(smallSearch({ model: 'copy', texts: { text: inline } }));
    const file = join(folder, 'models', 'copy', 'tokenizer.json');
    await writeFile(file, `${await readFile(file, 'utf8')}\n`);
    await restart();
    expect(await refusalOf(jobId)).toMatchObject({ field: 'windows.search.measurement.tokenizerDigest' });
  });

  it('is not resumed with another bos_token_id, where its windows begin with it', async () => {
    await cp(join(MODELS_ROOT, DEMO), join(folder, 'models', 'copy'), { recursive: true });
    verbs = await start({ folder });
    const jobId = await pauseBeforeFit(smallSearch({ model: 'copy', windows: { bos: true } }));
    const file = join(folder, 'models', 'copy', 'config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...config, bos_token_id: 5 }));
    await restart();
    const { fields } = await refusalOf(jobId);
    expect(fields).toContain('windows.search.measurement.bosToken');
  });

  it.each(['search', 'calibration', 'report'] as const)('is not resumed with another %s text', async (part) => {
    const stories = await readFile(join(MODELS_ROOT, DEMO, 'stories.json'), 'utf8');
    const parts = ['search', 'verify', 'report', 'calibration'] as const;
    for (const [index, name] of parts.entries())
      await writeFile(join(folder, 'texts', `${name}.txt`), stories.slice(20_000 * index, 20_000 * (index + 1)));
    verbs = await start({ folder });
    const jobId = await pauseBeforeFit(
      calibrated({
        recipes: [{ ...CALIBRATED, calibration: { sequences: 8 } }],
        texts: Object.fromEntries(parts.map((name) => [name, textFile(`${name}.txt`)])),
      }),
    );
    await writeFile(join(folder, 'texts', `${part}.txt`), stories.slice(90_000, 110_000));
    await restart();
    const { fields } = await refusalOf(jobId);
    const field =
      part === 'calibration'
        ? 'recipes.compared[0].oneShot.calibration.textDigest'
        : `windows.${part}.measurement.textDigest`;
    expect(fields).toContain(field);
  });
});

describe('a job that a server left unfinished', () => {
  it('ends with JOB_NOT_RESUMABLE at a server with another default, and mixes no labels', async () => {
    verbs = await start({ folder });
    let jobId = '';
    for await (const event of verbs.client.search(calibrated())) {
      ({ jobId } = event);
      if (event.payload?.$case === 'study' && event.payload.value.event?.$case === 'trial') break;
    }
    await restart(otherDamping);
    const end = await endOf(jobId);
    expect(end.state).toBe(JobState.FAILED);
    expect(end.error?.message).toContain('damping');
    const study = await studyOf(jobId);
    const trials = await listTrials(verbs.client, study?.id ?? '');
    expect(trials.length).toBeGreaterThan(0);
    expect(new Set(trials.map(({ recipeDigest }) => recipeDigest).filter((digest) => digest !== ''))).toEqual(
      new Set(study?.recipeDigests),
    );
  });

  it.each(['prune', 'samplePairs', 'fitPredictor'] as const)('is refused by name as a %s too', async (kind) => {
    // The queue keeps it from running before the server stops; a fit has a slot of its own, and gets no time to end.
    verbs = await start({ folder, config: { concurrentJobs: 1, shutdownGraceMs: 0 } });
    const running = verbs.client.search(calibrated({ pairs: { count: 400, rungs: [{ tokenLimit: 1024n }] } }));
    await running.next();
    const jobId = await START[kind](verbs.client);
    await verbs[Symbol.asyncDispose]();
    verbs = await start({ folder, config: { interruptedJobs: 'pause' }, plugins: CHANGED[kind] });
    expect(await refusalOf(jobId)).toMatchObject({ field: FIELD[kind] });
  });
});

/** Starts a job of a kind and returns its id at once. */
const START = {
  prune: async (client: PrunecastClient) => {
    const stream = client.prune({
      model: DEMO,
      recipe: CALIBRATED,
      selection: { $case: 'uniformRate', value: 0.25 },
      output: 'pruned',
    });
    const { value } = await stream.next();
    return value?.jobId ?? '';
  },
  samplePairs: async (client: PrunecastClient) => {
    const { job } = await client.services.pairs.samplePairs({ search: calibrated() });
    return job?.id ?? '';
  },
  fitPredictor: async (client: PrunecastClient) => {
    const pairs = Array.from({ length: 12 }, (_, index) => ({
      rates: [index / 20],
      metrics: { perplexity: 5 + index },
    }));
    const { job } = await client.services.predictors.fitPredictor({
      source: { $case: 'pairs', value: { dimensions: ['a'], pairs } },
      predictor: { id: 'ridge' },
    });
    return job?.id ?? '';
  },
} as const;

const ridge = (await import('../../../src/plugins/predictors/ridge.js')).default;
const CHANGED: Readonly<Record<keyof typeof START, PluginEntry[]>> = {
  prune: [otherDamping],
  samplePairs: [otherDamping],
  fitPredictor: [
    {
      plugin: { ...ridge, version: '99.0.0', overrides: true } as PluginEntry['plugin'],
      moduleUrl: builtin('predictors/ridge'),
    },
  ],
};
const FIELD = {
  prune: 'recipe.compensation.options.damping',
  samplePairs: 'recipes.compared[0].oneShot.compensation.options.damping',
  fitPredictor: 'predictor.version',
} as const;

describe('a state folder of schema 7, whose studies have no plan', () => {
  const STORE = resolve(import.meta.dirname, '../../fixtures/store/schema-7.db');
  const ENDED = 'study-dce8ba5b9f2539b6';
  const PAUSED = 'job-ffb195b7185028e3';

  async function open(...plugins: PluginEntry[]): Promise<void> {
    await openWith(() => undefined, plugins);
  }

  /** @param change of the paused study's request */
  async function openWith(change: (request: SearchRequest) => void, plugins: PluginEntry[] = []): Promise<void> {
    await mkdir(join(folder, 'state'));
    const file = join(folder, 'state', 'prunecast.db');
    await copyFile(STORE, file);
    const database = new Database(file);
    const { request } = database.prepare('SELECT request FROM studies WHERE job_id = ?').get(PAUSED) as {
      request: Buffer;
    };
    const changed = SearchRequest.decode(request);
    change(changed);
    const encoded = Buffer.from(SearchRequest.encode(changed).finish());
    database.prepare('UPDATE studies SET request = ? WHERE job_id = ?').run(encoded, PAUSED);
    database.prepare('UPDATE job_requests SET request = ? WHERE job_id = ?').run(encoded, PAUSED);
    database.close();
    verbs = await start({ folder, plugins });
  }

  it('shows, lists and exports its studies, distinguishes them by their plan version, and answers queries', async () => {
    await open();
    const { studies, pairs } = verbs.client.services;
    const { study } = await studies.getStudy({ studyId: ENDED });
    expect(study).toMatchObject({ state: JobState.SUCCEEDED, planVersion: 0, seed: 3n });
    expect(study?.dimensions).toHaveLength(10);
    expect(study?.recipeDigests).toHaveLength(1);
    expect(study?.searchMeasurement?.window).toBe(128);
    expect(study?.report?.summary).toContain('The winner has 208,000 parameters and a perplexity of 16.884');
    expect(await listTrials(verbs.client, ENDED)).toHaveLength(study?.trials ?? 0);
    const exported = [];
    for await (const { content } of pairs.exportPairs({ studyId: ENDED })) exported.push(content?.$case);
    expect(exported.filter((name) => name === 'pair')).toHaveLength(24);
    const { answers } = await studies.queryStudy({
      studyId: ENDED,
      budgets: [{ limit: { $case: 'removedShare', value: 0.15 } }],
    });
    expect(answers).toHaveLength(1);
  });

  it('resumes a paused study whose labels would be the same today', async () => {
    // As if it named what was the default when it began.
    await openWith(({ recipes }) => {
      for (const { compensation } of recipes) if (compensation !== undefined) compensation.options = { damping: 0.01 };
    });
    expect((await studyOf(PAUSED))?.planVersion).toBe(0);
    await resumeToEnd(PAUSED);
    expect(await studyOf(PAUSED)).toMatchObject({ planVersion: 0, report: { pairs: 24 } });
  });

  it('refuses one whose recipe has another digest today, by name', async () => {
    await open(otherDamping);
    expect(await refusalOf(PAUSED)).toMatchObject({ field: 'recipes[0]' });
  });
});

describe('a query of a study', () => {
  it('is answered by the plan that the study began with, and verifies on its own windows only', async () => {
    const stories = await readFile(join(MODELS_ROOT, DEMO, 'stories.json'), 'utf8');
    await writeFile(join(folder, 'texts', 'all.txt'), stories.slice(0, 60_000));
    verbs = await start({ folder });
    const { studyId } = await verbs.client.runSearch(smallSearch({ texts: { text: textFile('all.txt') } }));
    const { studies } = verbs.client.services;
    const asked = { studyId, budgets: [{ limit: { $case: 'removedShare' as const, value: 0.15 } }], count: 2 };
    const before = await studies.queryStudy(asked);
    expect((await studies.queryStudy({ ...asked, verify: true })).answers[0]?.metrics['perplexity']).toBeGreaterThan(1);
    await writeFile(join(folder, 'texts', 'all.txt'), stories.slice(60_000, 120_000));
    const { tieRun } = DEFAULT_PAIRS;
    try {
      Object.assign(DEFAULT_PAIRS, { tieRun: 2 });
      expect(await studies.queryStudy(asked)).toEqual(before);
    } finally {
      Object.assign(DEFAULT_PAIRS, { tieRun });
    }
    await expect(studies.queryStudy({ ...asked, verify: true })).rejects.toMatchObject({
      reason: 'STUDY_CHANGED',
      metadata: { study_id: studyId, field: 'windows.measurement.textDigest' },
    });
  });
});

describe('a request id of a job with another plan', () => {
  it('still attaches to the job: the request is the same', async () => {
    verbs = await start({ folder });
    const request = { ...smallSearch({ recipes: [MAGNITUDE] }), requestId: 'same' };
    const jobId = await pauseBeforeFit(request);
    await restart({
      plugin: { ...perplexity, version: '99.0.0', overrides: true } as PluginEntry['plugin'],
      moduleUrl: builtin('evaluators/perplexity'),
    });
    for await (const event of verbs.client.search({ ...request, pauseBefore: [StudyPhase.FIT] })) {
      expect(event.jobId).toBe(jobId);
      if (event.payload?.$case === 'paused') break;
    }
  });
});
