import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  JobState,
  type CallError,
  type DeepPartial,
  type PairSet,
  type SearchRequest,
} from '../../../src/client/index.js';
import type { ConfigOptions } from '../../../src/server/config/config.js';
import { BOWL, SLOPE } from '../../support/pair-sets.js';
import { launchSpecifier, socketIn, startRemotePlugin, type Faults } from '../../support/remote-plugin.js';
import { makeSelfSigned } from '../../support/self-signed.js';
import { makeFolder } from '../../support/test-server.js';
import {
  CALIBRATION,
  countDemoParameters,
  DEMO,
  listTrials,
  MAGNITUDE,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from './verb-server.js';

/* Plug-ins in a process of their own, which `test/fixtures/remote/plugin-server.mjs` is, over a real server. */

let folder: string;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const start = (specifier: string, config: ConfigOptions = {}): Promise<VerbServer> =>
  startVerbServer({ config: { plugins: [specifier], pluginStartMs: 60_000, ...config } });

const fitNearest = ({ client }: VerbServer, options: object = {}) =>
  client.runFitPredictor({ source: { $case: 'pairs', value: BOWL }, predictor: { id: 'nearest', options } });

/** The target of the first pair of `BOWL`. */
const AT_FIRST = 3 + 2 * Math.cos(4);

const predictFirst = async ({ client }: VerbServer, predictorId: string): Promise<number | undefined> => {
  const encodings = { rates: Buffer.from(Float32Array.of(0, 0).buffer), dimensions: 2 };
  const { predictions } = await client.services.pruning.predict({ predictorId, encodings });
  return predictions[0]?.mean[0];
};

const fitAuto = ({ client }: VerbServer, pairs: DeepPartial<PairSet>) =>
  client.runFitPredictor({
    source: { $case: 'pairs', value: pairs },
    predictor: { id: 'auto', options: { folds: 3, among: ['ridge', 'nearest'] } },
  });

describe('a predictor in a process that the server launches', () => {
  let verbs: VerbServer;
  beforeAll(async () => {
    verbs = await start(launchSpecifier());
  });
  afterAll(() => verbs[Symbol.asyncDispose]());

  it('is listed with the schema of its options and its command', async () => {
    const { plugins } = await verbs.client.services.catalog.listPlugins({});
    const nearest = plugins.find(({ id }) => id === 'nearest');
    expect(nearest).toMatchObject({
      version: '1.0',
      runsIn: expect.stringMatching(/^exec:FAULTS=\.\.\. exec .*plugin-server\.mjs$/) as string,
      optionsSchema: { properties: { neighbours: { default: 5, minimum: 1, type: 'integer' } } },
    });
  });

  it('wins in `auto` where it predicts best, and loses where it does not', async () => {
    const bowl = await fitAuto(verbs, BOWL);
    const slope = await fitAuto(verbs, SLOPE);
    expect([bowl.backend, slope.backend]).toEqual(['nearest', 'ridge']);
    expect(bowl.scores.map(({ backend, notTried }) => [backend, notTried])).toEqual([
      ['ridge', ''],
      ['nearest', ''],
    ]);
  });

  it('predicts later from its stored state', async () => {
    const { id } = await fitNearest(verbs, { neighbours: 1 });
    expect(await predictFirst(verbs, id)).toBeCloseTo(AT_FIRST, 5);
  });

  it('has its options checked before it is asked', async () => {
    await expect(fitNearest(verbs, { neighbours: 0 })).rejects.toMatchObject({
      reason: 'INVALID_OPTIONS',
      violations: [{ field: 'predictor.options.neighbours' }],
    });
    await expect(fitNearest(verbs, { neighbour: 3 })).rejects.toMatchObject({
      message: expect.stringContaining('did you mean "neighbours"') as string,
    });
  });
});

describe('a predictor in a process that does not know what it has fitted', () => {
  it('is given it again: after a restart, and if it keeps nothing', async () => {
    const startsFile = join(folder, 'forgetful-starts');
    const listStarts = async (): Promise<string[]> => (await readFile(startsFile, 'utf8')).match(/^\d+$/gm) ?? [];
    await using verbs = await start(launchSpecifier({ forget: true, startsFile }));
    const { id } = await fitNearest(verbs, { neighbours: 1 });
    expect(await predictFirst(verbs, id)).toBeCloseTo(AT_FIRST, 5);
    const [first] = await listStarts();
    process.kill(Number(first), 'SIGKILL');
    expect(await predictFirst(verbs, id)).toBeCloseTo(AT_FIRST, 5);
    expect(await listStarts()).toHaveLength(2);
  });
});

/** The most calls of predict that such a process had at once. */
const mostAtOnce = async (concurrent: number): Promise<number> => {
  const startsFile = join(folder, `concurrent-${concurrent}`);
  {
    await using verbs = await start(launchSpecifier({ concurrent, delayMs: 30, startsFile }));
    const { id } = await fitNearest(verbs);
    const predicted = await Promise.all(Array.from({ length: 12 }, () => predictFirst(verbs, id)));
    expect(new Set(predicted).size).toBe(1);
  }
  return Number(/^most (\d+)$/m.exec(await readFile(startsFile, 'utf8'))?.[1]);
};

describe('a predictor in a process that says how many calls it takes at once', () => {
  it('gets no more from all threads of the server together', { timeout: 120_000 }, async () => {
    expect(await mostAtOnce(1)).toBe(1);
    expect(await mostAtOnce(0)).toBeGreaterThan(1); // any number: the calls do come at once
  });
});

describe('a predictor in a process that runs already', () => {
  it('is attached by its socket, and found again after it was started anew', async () => {
    const address = socketIn(folder);
    const first = await startRemotePlugin(address);
    await using verbs = await start(first.address);
    expect((await fitNearest(verbs)).backend).toBe('nearest');
    await first.kill();
    const [second, { backend }] = await Promise.all([startRemotePlugin(address), fitNearest(verbs)]);
    await second.kill();
    expect(backend).toBe('nearest');
  });

  it('is attached over TLS if its certificate is of the configured authority', async () => {
    const { key, certificate } = makeSelfSigned();
    const tls = { key: join(folder, 'key.pem'), certificate: join(folder, 'certificate.pem') };
    await writeFile(tls.key, key);
    await writeFile(tls.certificate, certificate);
    await using plugin = await startRemotePlugin('127.0.0.1:0', { tls });
    const address = `grpcs://${plugin.address}`;
    await using verbs = await start(address, { pluginAuthorities: tls.certificate });
    expect((await fitNearest(verbs)).backend).toBe('nearest');
    await expect(start(address, { pluginStartMs: 2000 })).rejects.toThrow(/grpcs:\/\/.* cannot be used: /);
  });
});

/** A study with these plug-ins: all that it came to. */
const search = async (faults: Faults, request: DeepPartial<SearchRequest>, config: ConfigOptions = {}) => {
  await using verbs = await start(launchSpecifier(faults), config);
  const { studyId, winner, fitQuality, predicted } = await verbs.client.runSearch(smallSearch(request));
  const trials = (await listTrials(verbs.client, studyId)).map(({ role, control, rates, metrics, predicted }) => ({
    role,
    control,
    rates,
    metrics,
    predicted,
  }));
  return { trials, architecture: winner?.architecture, fitQuality, predicted };
};

describe('a Search with a process that dies every few calls', () => {
  it('ends as an undisturbed one', async () => {
    const starts = join(folder, 'starts');
    const request = { predictor: { id: 'nearest' }, output: '' };
    const undisturbed = await search({}, request);
    const disturbed = await search({ dieAfter: 4, deaths: 10, startsFile: starts }, request);
    expect(disturbed).toEqual(undisturbed);
    const processes = (await readFile(starts, 'utf8')).match(/^\d+$/gm) ?? [];
    expect(processes).toHaveLength(11);
  }, 300_000);
});

describe('a strategy in a process of its own', () => {
  const request = { strategy: { id: 'climb' }, candidates: 100n, output: '' };

  it('ends a Search as an undisturbed one if its process dies: the run is replayed', async () => {
    const starts = join(folder, 'strategy-starts');
    const undisturbed = await search({ offer: ['strategy'] }, request);
    const disturbed = await search({ offer: ['strategy'], dieAfter: 3, deaths: 4, startsFile: starts }, request);
    expect(undisturbed.predicted).toBeGreaterThanOrEqual(100n);
    expect(disturbed).toEqual(undisturbed);
    expect((await readFile(starts, 'utf8')).match(/^\d+$/gm)).toHaveLength(5);
  }, 300_000);

  it.each<[what: string, faults: Faults, error: RegExp]>([
    ['hangs', { hang: 'Run' }, /PLUGIN_FAILED strategy "climb" failed in ask\(\): it did not answer within 3 s/],
    [
      'answers twice',
      { flood: 'Run' },
      /PLUGIN_INVALID strategy "climb": ask\(\) answered question 1 again; each is answered once/,
    ],
    [
      'answers again as the next question waits',
      { flood: 'Run', late: true },
      /PLUGIN_INVALID strategy "climb": ask\(\) answered question 1 again; each is answered once/,
    ],
    [
      'does not say which question it answers',
      { unnumbered: true },
      /PLUGIN_INVALID strategy "climb": ask\(\) gave an answer without the number of its question: RunResponse\.question/,
    ],
    [
      'draws by another seed after a restart',
      { unseeded: true, dieAfter: 4, deaths: 1, startsFile: 'unseeded' },
      /PLUGIN_INVALID strategy "climb": ask\(\) answers the same questions otherwise after a restart/,
    ],
  ])(
    'and %s ends the Search with an error that names it',
    async (_, { startsFile, ...faults }, error) => {
      const starts = startsFile === undefined ? {} : { startsFile: join(folder, String(startsFile)) };
      const failure = search({ offer: ['strategy'], ...faults, ...starts }, request, { pluginCallMs: 3000 });
      const { reason, message } = (await failure.catch((thrown: unknown) => thrown)) as CallError;
      expect(`${reason} ${message}`).toMatch(error);
    },
    120_000,
  );
});

/** The demo model, whole and pruned, as these plug-ins measure it. */
const evaluate = async (faults: Faults) => {
  await using verbs = await start(launchSpecifier({ offer: ['evaluator'], ...faults }));
  return await verbs.client.runEvaluate({
    model: DEMO,
    recipe: MAGNITUDE,
    targets: [{ target: { $case: 'dense', value: {} } }, { target: { $case: 'uniformRate', value: 0.3 } }],
    measurement: { evaluator: { id: 'tensor-sizes' } },
  });
};

describe('an evaluator in a process of its own', () => {
  it('measures checkpoints that it reads from disk, and is asked again if it dies', async () => {
    const results = await evaluate({ dieAfter: 2, deaths: 2, startsFile: join(folder, 'evaluator-starts') });
    expect(results.map(({ metrics }) => metrics['values'])).toEqual(
      results.map(({ architecture }) => countDemoParameters(architecture?.layers ?? [])),
    );
    expect(results.map(({ items }) => items)).toEqual([47, 47]); // nine tensors a layer, the embeddings, the last norm
  });

  it('ends the work with an error that names it if it answers NaN', async () => {
    await expect(evaluate({ nan: true })).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: expect.stringContaining('evaluator "tensor-sizes": reduce() gave NaN as values') as string,
    });
  });
});

/** The scores of the demo model by these plug-ins. */
const score = async (faults: Faults) => {
  await using verbs = await start(launchSpecifier({ offer: ['criterion'], ...faults }));
  const recipe = { criterion: { id: 'cut-off' }, compensation: { id: 'none' }, calibration: CALIBRATION };
  const layers = [];
  for await (const layer of verbs.client.services.models.scoreUnits({ model: DEMO, recipe })) layers.push(layer);
  return layers;
};

describe('a criterion in a process of its own', () => {
  it('scores all units of a checkpoint that it reads from disk, and is asked again if it dies', async () => {
    const layers = await score({ dieAfter: 1, deaths: 1, startsFile: join(folder, 'criterion-starts') });
    expect(layers).toHaveLength(5);
    const tokens = 16 * 128;
    for (const { ffnChannels, kvGroups } of layers) {
      expect([ffnChannels.readFloatLE(0), ffnChannels.readFloatLE(4 * 171)]).toEqual([tokens, tokens - 171]);
      expect(kvGroups).toHaveLength(4 * 4);
    }
  }, 120_000);

  it('ends the work with an error that names it if it sends too much', async () => {
    await expect(score({ flood: 'Score' })).rejects.toMatchObject({
      reason: 'PLUGIN_INVALID',
      message: expect.stringContaining('criterion "cut-off": scoreModel() gave scores of more than') as string,
    });
  });
});

describe('a predictor process that misbehaves', () => {
  it.each<[what: string, faults: Faults, error: RegExp]>([
    ['hangs', { hang: 'Fit' }, /PLUGIN_FAILED predictor "nearest" failed in fit\(\): it did not answer in time/],
    ['answers NaN', { nan: true }, /PLUGIN_INVALID predictor "nearest": predict\(\) gave the mean NaN for row 0/],
    ['answers too little', { short: true }, /PLUGIN_INVALID predictor "nearest": predict\(\) gave \d+ bytes of means/],
    ['floods', { flood: 'Fit' }, /PLUGIN_INVALID predictor "nearest": fit\(\) sent a state of more than/],
    [
      'answers too much at once',
      { large: true },
      /PLUGIN_INVALID predictor "nearest": predict\(\) answered with a message/,
    ],
    ['dies on every call', { dieAfter: 1 }, /PLUGIN_FAILED predictor "nearest" failed in fit\(\): .*UNAVAILABLE/],
    ['refuses its options', { refuse: 'Fit' }, /INVALID_OPTIONS options of predictor "nearest": an even number/],
    // A process that keeps dying is started again after pauses that double: on a busy machine fits see more of them.
  ])('and %s ends its work with an error that names it', { timeout: 150_000 }, async (_, faults, error) => {
    await using verbs = await start(launchSpecifier(faults), {
      pluginRetries: 2,
      ...('hang' in faults && { pluginWorkMs: 3000 }),
    });
    const failure: unknown = await fitNearest(verbs).catch((thrown: unknown) => thrown);
    const { reason, message } = failure as { readonly reason: string; readonly message: string };
    expect(`${reason} ${message}`).toMatch(error);
    expect((await verbs.client.services.jobs.listJobs({})).jobs).toHaveLength(1);
  });

  it('and hangs in a job that is cancelled: it ends within two seconds, and the process takes the next fit', async () => {
    const file = join(folder, 'cancelled');
    await using verbs = await start(launchSpecifier({ hang: 'Fit', hangs: 1, concurrent: 1, startsFile: file }));
    const until = (line: string) =>
      vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain(line), { timeout: 30_000, interval: 10 });
    const { job } = await verbs.client.services.predictors.fitPredictor({
      source: { $case: 'pairs', value: BOWL },
      predictor: { id: 'nearest' },
    });
    const jobId = job?.id ?? '';
    await until('hangs in Fit');
    const cancelledAt = performance.now();
    const { job: cancelled } = await verbs.client.services.jobs.cancelJob({ jobId });
    expect(cancelled?.state).toBe(JobState.CANCELLED);
    await until('Fit was cancelled');
    expect(performance.now() - cancelledAt).toBeLessThan(2000);
    expect((await fitNearest(verbs)).backend).toBe('nearest');
    expect((await readFile(file, 'utf8')).match(/^\d+$/gm)).toHaveLength(1); // the same process as before
  });

  it.each<[what: string, faults: Faults | string, error: RegExp]>([
    ['speaks another version of the protocol', { version: 2 }, /it speaks protocol 2, and this server 1/],
    [
      'names another version only when asked',
      { version: 2, handshake: 'prunecast-plugin/1 ADDRESS' },
      /it speaks protocol 2/,
    ],
    ['ends at once', 'exec:echo no luck; exit 3', /it ended with code 3 before it listened; it wrote last: no luck/],
    ['never says where it listens', { handshake: 'hello' }, /it did not say within 5 s where it listens.*hello/],
    ['is not there', 'unix:/nowhere/plugin.sock', /"unix:\/nowhere\/plugin\.sock" cannot be used/],
    ['has options that cannot be checked', { schema: { type: 'object', if: {} } }, /if\/then\/else/],
  ])('and %s keeps the server from starting', async (_, faults, error) => {
    const specifier = typeof faults === 'string' ? faults : launchSpecifier(faults);
    await expect(start(specifier, { pluginStartMs: 5000 })).rejects.toThrow(error);
  });
});
