import { cp, mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, TrialRole, type DeepPartial, type JobEvent, type PrunecastClient, type SearchRequest, type StudyReport, type Trial } from '../../../src/client/index.js';
import { makeFolder, startTestServer, type TestServer } from '../../support/test-server.js';

const DEMO_MODEL = resolve(import.meta.dirname, '../../../models/stories260k');
const STORY = { source: { $case: 'path', value: 'stories.json' } } as const;
const WINDOWS = { window: 64, bos: true };
const CALIBRATED = { calibration: { text: STORY, sequences: 16, sequenceTokens: 64 } };

const SEARCH: DeepPartial<SearchRequest> = {
  model: 'demo',
  texts: { text: STORY },
  windows: WINDOWS,
  budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
  space: { protectedLayers: { layers: [] } },
  recipes: [{ calibration: { sequences: 16, sequenceTokens: 64 } }],
  pairs: { count: 24, rungs: [{ tokenLimit: 512n }] },
  verify: { count: 4, rungs: [{ tokenLimit: 1024n }] },
  report: { tokenLimit: 2048n },
  candidates: 500n,
};

let folder: string;
let server: TestServer;
let client: PrunecastClient;

async function start(): Promise<void> {
  server = await startTestServer({ folder });
  client = createClient({ address: server.address });
}

async function stop(): Promise<void> {
  client.close();
  await server.stop();
}

beforeAll(async () => {
  folder = await makeFolder();
  await cp(DEMO_MODEL, join(folder, 'models/demo'), { recursive: true });
  await mkdir(join(folder, 'texts'));
  await cp(join(DEMO_MODEL, 'stories.json'), join(folder, 'texts/stories.json'));
  await start();
});

afterAll(stop);

interface Reference {
  readonly evaluation_ids: readonly (readonly number[])[];
  readonly pruned: readonly {
    readonly name: string;
    readonly criterion: string;
    readonly kept_query_heads: readonly (readonly number[])[];
    readonly kept_ffn_channels: readonly (readonly number[])[];
    readonly perplexity: number;
  }[];
}

describe('Evaluate', () => {
  it('gives the perplexities that PyTorch gave for the same kept units, half-blocks dropped among them', async () => {
    const reference = JSON.parse(await readFile(resolve(import.meta.dirname, '../../fixtures/criteria.json'), 'utf8')) as Reference;
    const cases = reference.pruned.filter(({ criterion }) => criterion === 'wanda');
    expect(cases.map(({ name }) => name)).toContain('dropped-blocks');
    const results = await client.runEvaluate({
      model: 'demo',
      // Windows of 128 that follow each other are the sequences themselves.
      measurement: { text: { source: { $case: 'tokenIds', value: { ids: reference.evaluation_ids.flat() } } }, windows: { window: 128 } },
      targets: cases.map(({ kept_query_heads, kept_ffn_channels }) => ({
        target: {
          $case: 'keptUnits',
          value: {
            layers: kept_query_heads.map((queryHeads, layer) => ({
              kvGroups: [...new Set(queryHeads.map((head) => Math.floor(head / 2)))],
              queryHeads: [...queryHeads],
              ffnChannels: [...(kept_ffn_channels[layer] ?? [])],
            })),
          },
        },
      })),
    });
    results.forEach(({ metrics }, index) => {
      const expected = cases[index]?.perplexity ?? NaN;
      expect(Math.abs((metrics['perplexity'] ?? NaN) / expected - 1)).toBeLessThan(1e-3);
    });
  });

  it('pays for a label once, and says so', async () => {
    const request = { model: 'demo', measurement: { text: STORY, windows: WINDOWS }, fidelity: { tokenLimit: 640n } };
    const [first] = await client.runEvaluate(request);
    const [again] = await client.runEvaluate(request);
    expect(first?.tokensSpent).toBe(640n);
    expect(again).toMatchObject({ tokensSpent: 0n, metrics: first?.metrics });
    expect(first?.costs[0]?.value).toBe(260_032);
  });
});

describe('Prune', () => {
  it('writes what Evaluate measures of the same cut, and takes its manifest back', async () => {
    const layers = Array.from({ length: 5 }, (_, index) => ({ kvHeads: index === 1 ? 0 : 3, queryHeadsPerKv: index === 1 ? 0 : 2, ffnChannels: index === 2 ? 0 : 100 }));
    const selection = { $case: 'architecture', value: { layers } } as const;
    const written = await client.runPrune({ model: 'demo', selection, recipe: CALIBRATED, output: 'uneven' });
    await cp(join(folder, 'outputs/uneven'), join(folder, 'models/uneven'), { recursive: true });
    const measurement = { text: STORY, windows: WINDOWS };
    const fidelity = { tokenLimit: 1280n };
    const [cut] = await client.runEvaluate({ model: 'demo', targets: [{ target: selection }], recipe: CALIBRATED, measurement, fidelity });
    const [loaded] = await client.runEvaluate({ model: 'uneven', measurement, fidelity });
    expect(Math.abs((loaded?.metrics['perplexity'] ?? NaN) / (cut?.metrics['perplexity'] ?? NaN) - 1)).toBeLessThan(1e-5);
    expect(loaded?.costs[0]?.value).toBe(written.costs[0]?.value);

    const manifest = JSON.parse(await readFile(join(folder, 'outputs/uneven/prunecast.json'), 'utf8')) as Record<string, unknown>;
    await client.runPrune({ model: 'demo', selection: { $case: 'manifest', value: manifest }, output: 'again' });
    const weights = (name: string) => readFile(join(folder, 'outputs', name, 'model.safetensors'));
    expect((await weights('again')).equals(await weights('uneven'))).toBe(true);
  });

  it('writes the weights that a compensation mended', async () => {
    const recipe = { ...CALIBRATED, compensation: { id: 'least-squares' } };
    const selection = { $case: 'architecture', value: { layers: Array.from({ length: 5 }, (_, index) => ({ kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: index === 4 ? 0 : 120 })) } } as const;
    await client.runPrune({ model: 'demo', selection, recipe, output: 'mended' });
    await cp(join(folder, 'outputs/mended'), join(folder, 'models/mended'), { recursive: true });
    const asked = { measurement: { text: STORY, windows: WINDOWS }, fidelity: { tokenLimit: 1280n } };
    const [mended] = await client.runEvaluate({ model: 'demo', targets: [{ target: selection }], recipe, ...asked });
    const [plain] = await client.runEvaluate({ model: 'demo', targets: [{ target: selection }], recipe: CALIBRATED, ...asked });
    const [loaded] = await client.runEvaluate({ model: 'mended', ...asked });
    expect(Math.abs((loaded?.metrics['perplexity'] ?? NaN) / (mended?.metrics['perplexity'] ?? NaN) - 1)).toBeLessThan(1e-4);
    expect(mended?.metrics['perplexity']).toBeLessThan(0.9 * (plain?.metrics['perplexity'] ?? NaN));

    const manifest = JSON.parse(await readFile(join(folder, 'outputs/mended/prunecast.json'), 'utf8')) as Record<string, unknown>;
    await expect(client.runEvaluate({ model: 'demo', targets: [{ target: { $case: 'manifest', value: manifest } }], ...asked })).rejects.toMatchObject({ reason: 'NOT_IMPLEMENTED' });
  });

  it('replaces an output only when told to', async () => {
    const request = { model: 'demo', selection: { $case: 'uniformRate', value: 0.5 }, recipe: { criterion: { id: 'magnitude' } }, output: 'twice' } as const;
    await client.runPrune(request);
    await expect(client.runPrune(request)).rejects.toMatchObject({ reason: 'OUTPUT_EXISTS' });
    const { architecture } = await client.runPrune({ ...request, overwrite: true });
    expect(architecture?.layers[0]).toMatchObject({ kvHeads: 2, ffnChannels: 86 });
  });
});

describe('Search', () => {
  let report: StudyReport;
  let events: JobEvent[];

  it('finds an architecture within the budget, and writes it', async () => {
    events = [];
    report = await client.runSearch({ ...SEARCH, requestId: 'search', output: 'winner' }, { onEvent: (event) => void events.push(event) });
    const limit = Math.floor(0.8 * 260_032);
    expect(Number(report.winner?.parameters)).toBeLessThanOrEqual(limit);
    expect(Number(report.winner?.parameters)).toBeGreaterThan(0.99 * limit);
    expect(report.controls.map(({ name }) => name)).toEqual(['uniform-paper', 'uniform-best']);
    expect(report).toMatchObject({ pairs: 24, predicted: 500n, verified: 4, output: 'winner' });
    await cp(join(folder, 'outputs/winner'), join(folder, 'models/winner'), { recursive: true });
    const { model } = await client.services.models.inspectModel({ model: 'winner' });
    expect(model).toBe('winner');
  });

  it('numbers its events without a gap, the terminal one last', () => {
    const numbers = events.filter(({ sequence }) => sequence > 0n).map(({ sequence }) => Number(sequence));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(events.at(-1)?.payload?.$case).toBe('ended');
  });

  it('attaches a second caller of the same request, who misses nothing', async () => {
    const seen: JobEvent[] = [];
    const again = await client.runSearch({ ...SEARCH, requestId: 'search', output: 'winner' }, { onEvent: (event) => void seen.push(event) });
    expect(again).toEqual(report);
    expect(seen.map(({ sequence }) => sequence)).toEqual(events.map(({ sequence }) => sequence).filter((sequence) => sequence > 0n));
    await expect(client.runSearch({ ...SEARCH, requestId: 'search' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
  });

  it('lists every trial once, pairs within the band around the budget', async () => {
    const trials = await listTrials(report.studyId);
    expect(trials.map(({ number }) => number)).toEqual(trials.map((_, index) => index + 1));
    const pairs = trials.filter(({ role }) => role === TrialRole.PAIR);
    expect(pairs).toHaveLength(24);
    const toRemove = 0.2 * 260_032;
    for (const { parameters } of pairs) expect(Math.abs(260_032 - Number(parameters) - toRemove)).toBeLessThanOrEqual(0.1 * toRemove + 1);
    const { study } = await client.services.studies.getStudy({ studyId: report.studyId });
    expect(study).toMatchObject({ trials: trials.length, predictorIds: expect.arrayContaining([report.predictorId]) as string[] });
    expect(study?.report).toEqual(report);
  });

  it('comes to the same winner with the same seed, and pays for no label twice', async () => {
    const again = await client.runSearch(SEARCH);
    expect(again.winner?.architecture).toEqual(report.winner?.architecture);
    const trials = await listTrials(again.studyId);
    expect(trials.reduce((sum, { tokensSpent }) => sum + tokensSpent, 0n)).toBe(0n);
  });

  it('leaves a predictor that answers alike after a restart, and flags what it has not seen', async () => {
    const { predictor } = await client.services.predictors.getPredictor({ predictorId: report.predictorId });
    const dimensions = predictor?.dimensions.length ?? 0;
    const rates = Float32Array.from({ length: 2 * dimensions }, (_, index) => (index < dimensions ? 0.25 : 0.99));
    const ask = () => client.predict({ predictorId: report.predictorId, encodings: { rates: Buffer.from(rates.buffer), dimensions } });
    const before = await ask();
    await stop();
    await start();
    expect((await ask()).predictions).toEqual(before.predictions);
    expect(before.outOfRange.find(({ row }) => row === 1)?.dimensions).toHaveLength(dimensions);
  });

  it('fits another predictor to the pairs of a study', async () => {
    const ridge = await client.runFitPredictor({ source: { $case: 'studyId', value: report.studyId }, predictor: { id: 'ridge' } });
    expect(ridge).toMatchObject({ backend: 'ridge', pairs: 24, studyId: report.studyId });
    expect(ridge.quality[0]?.heldOut).toBe(7);
  });

  it('ends as CANCELLED within two seconds of being asked, and the next job gets its turn', async () => {
    const started = new Promise<string>((resolveId) => {
      const running = client.runSearch({ ...SEARCH, seed: 9n, pairs: { count: 1000, rungs: [{ tokenLimit: 8192n }] } }, {
        onEvent: ({ jobId, payload }) => {
          if (payload?.$case === 'progress' && payload.value.activity === 'labelling pairs') resolveId(jobId);
        },
      });
      running.catch(() => undefined);
    });
    const jobId = await started;
    const queued: number[] = [];
    const next = client.runEvaluate({ model: 'demo', measurement: { text: STORY, windows: WINDOWS }, fidelity: { tokenLimit: 128n } }, {
      onEvent: ({ payload }) => {
        if (payload?.$case === 'queued') queued.push(payload.value.place);
      },
    });
    while (queued.length === 0) await new Promise((wait) => setTimeout(wait, 10));
    const asked = performance.now();
    await client.services.jobs.cancelJob({ jobId });
    expect(performance.now() - asked).toBeLessThan(2000);
    await expect(consume(jobId)).rejects.toMatchObject({ code: 'CANCELLED', reason: 'CANCELLED' });
    expect(await next).toHaveLength(1);
    expect(queued[0]).toBe(1);
  });
});

async function consume(jobId: string): Promise<void> {
  for await (const event of client.followJob(jobId)) expect(event.jobId).toBe(jobId);
}

async function listTrials(studyId: string): Promise<Trial[]> {
  const trials: Trial[] = [];
  let pageToken = '';
  do {
    const page = await client.services.studies.listTrials({ studyId, pageSize: 10, pageToken });
    trials.push(...page.trials);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return trials;
}
