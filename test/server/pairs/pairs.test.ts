import { rm } from 'node:fs/promises';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobState, TrialRole, type DeepPartial, type Pair, type SamplePairsResult } from '../../../src/client/index.js';
import { ImportPairsRequest, PairSet } from '../../../src/gen/prunecast/v1/pair.js';
import { importPairs } from '../../../src/server/pairs/import-pairs.js';
import { PluginRegistry } from '../../../src/server/plugins/plugin-registry.js';
import { newPairSet } from '../../../src/server/records/pair-set-records.js';
import { newStudy } from '../../../src/server/records/study-records.js';
import { openDatabase } from '../../../src/server/adapters/sqlite/open-database.js';
import { makeFolder } from '../../support/test-server.js';
import {
  countDemoParameters,
  listTrials,
  smallSearch,
  startVerbServer,
  type VerbServer,
} from '../verbs/verb-server.js';
import { recordsIn } from '../../support/test-database.js';

let verbs: VerbServer;
let sampled: SamplePairsResult;
const SEARCH = smallSearch({ pairs: { count: 24, tiedCount: 12, rungs: [{ tokenLimit: 256n }] } });
beforeAll(async () => {
  verbs = await startVerbServer();
  sampled = await verbs.client.runSamplePairs({ search: SEARCH });
});
afterAll(() => verbs[Symbol.asyncDispose]());

async function exported(studyId: string): Promise<{ set: PairSet; pairs: Pair[] }> {
  let set: PairSet | undefined;
  const pairs: Pair[] = [];
  for await (const { content } of verbs.client.services.pairs.exportPairs({ studyId })) {
    if (content?.$case === 'pair') pairs.push(content.value);
    else set = content?.value;
  }
  if (set === undefined) throw new Error('no set came');
  return { set, pairs };
}

function messages(set: DeepPartial<PairSet>, pairs: readonly DeepPartial<Pair>[]): DeepPartial<ImportPairsRequest>[] {
  return [
    { content: { $case: 'set', value: set } },
    ...pairs.map((value) => ({ content: { $case: 'pair', value } }) as const),
  ];
}

const sample = (count: number) =>
  verbs.client.runSamplePairs({ search: smallSearch({ pairs: { count, rungs: [{ tokenLimit: 256n }] } }) });

const importing = (requests: readonly DeepPartial<ImportPairsRequest>[]) =>
  verbs.client.services.pairs.importPairs(requests);

describe('SamplePairs', () => {
  it('labels as many distinct pairs as asked, in the band around the budget, and nothing else', async () => {
    expect(sampled).toMatchObject({ pairs: 24, tokensSpent: 24n * 256n });
    const trials = await listTrials(verbs.client, sampled.studyId);
    expect(trials).toHaveLength(24);
    expect(new Set(trials.map(({ rates }) => rates.join())).size).toBe(24);
    const dense = countDemoParameters(
      Array.from({ length: 5 }, () => ({ kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 172 })),
    );
    for (const { role, parameters, architecture } of trials) {
      expect(role).toBe(TrialRole.PAIR);
      expect(Number(parameters)).toBe(countDemoParameters(architecture?.layers ?? []));
      expect(Math.abs((dense - Number(parameters)) / (0.2 * dense) - 1)).toBeLessThan(0.11);
    }
    const { study } = await verbs.client.services.studies.getStudy({ studyId: sampled.studyId });
    expect(study).toMatchObject({ state: JobState.SUCCEEDED, trials: 24, predictorIds: [] });
  });

  it('refuses to label fewer than it has to, with the least it takes, and labels that many', async () => {
    const refusal = (await sample(1).catch((error: unknown) => error)) as Error;
    expect(refusal).toMatchObject({ reason: 'INVALID_REQUEST', violations: [{ field: 'search.pairs.count' }] });
    const least = Number(/allowed is (\d+) or more/.exec(refusal.message)?.[1]);
    expect(least).toBeGreaterThan(1);
    expect(await sample(least)).toMatchObject({ pairs: least });
  });

  it('takes the labels that a Search with the same request would take: it pays for none of them again', async () => {
    const again = await verbs.client.runSamplePairs({ search: SEARCH });
    expect(again).toMatchObject({ pairs: 24, tokensSpent: 0n });
    const { studyId } = await verbs.client.runSearch({ ...SEARCH, refine: { disabled: true } });
    const pairs = (await listTrials(verbs.client, studyId)).filter(({ role }) => role === TrialRole.PAIR);
    expect(pairs.map(({ tokensSpent }) => tokensSpent)).toEqual(pairs.map(() => 0n));
  });

  it('tells with a prediction the size of the architecture, and what the pairs were measured on', async () => {
    const { id, dimensions } = await verbs.client.runFitPredictor({
      source: { $case: 'studyId', value: sampled.studyId },
      predictor: { id: 'ridge' },
    });
    const rates = Buffer.alloc(2 * 4 * dimensions.length);
    // The first architecture is the unpruned one, the second keeps half of each dimension.
    for (let column = 0; column < dimensions.length; column += 1)
      rates.writeFloatLE(0.5, 4 * (dimensions.length + column));
    const answer = await verbs.client.predict({
      predictorId: id,
      encodings: { rates, dimensions: dimensions.length },
    });
    const kinds = new Set(dimensions.map((name) => name.split('.').at(-1)));
    const half = Array.from({ length: 5 }, () => ({
      kvHeads: kinds.has('kv_heads') ? 2 : 4,
      queryHeadsPerKv: kinds.has('query_heads_per_kv') ? 1 : 2,
      ffnChannels: kinds.has('ffn_channels') ? 86 : 172,
    }));
    expect(answer.denseParameters).toBe(260_032n);
    expect(answer.parameters).toEqual([260_032n, BigInt(countDemoParameters(half))]);
    const { study } = await verbs.client.services.studies.getStudy({ studyId: sampled.studyId });
    expect(answer.measurement).toEqual(study?.searchMeasurement);
    expect(answer.fidelity).toEqual(study?.searchFidelity);
    expect(answer.fidelity?.windows).toBeGreaterThan(0);
    expect(answer.intervalCoverage).toBe(0.9);
    expect(answer.denseReportMetrics).toEqual({}); // pairs alone were sampled: there are no report windows
  });

  it('tells with a prediction what the unpruned model has on the report windows of the search', async () => {
    const { predictorId, dense } = await verbs.client.runSearch({ ...SEARCH, refine: { disabled: true } });
    const { predictor } = await verbs.client.services.predictors.getPredictor({ predictorId });
    const dimensions = predictor?.dimensions ?? [];
    const encodings = { rates: Buffer.alloc(4 * dimensions.length), dimensions: dimensions.length };
    const { denseReportMetrics } = await verbs.client.predict({ predictorId, encodings });
    expect(denseReportMetrics['perplexity']).toBeGreaterThan(1);
    expect(denseReportMetrics).toEqual(dense?.metrics);
  });

  it('plans a search that was done before as one whose labels are known, and one of another seed as new', async () => {
    const search = { ...SEARCH, refine: { disabled: true } };
    await verbs.client.runSearch(search);
    const again = await verbs.client.planSearch(search);
    const fresh = await verbs.client.planSearch({ ...search, seed: 7n });
    expect([again.trials, fresh.knownTrials]).toEqual([0n, 0n]);
    expect(again.knownTrials).toBe(fresh.trials);
    expect(again.tokens).toBeLessThan(fresh.tokens);
  });

  it('gives what a predictor is fitted on', async () => {
    const predictor = await verbs.client.runFitPredictor({
      source: { $case: 'studyId', value: sampled.studyId },
      predictor: { id: 'ridge' },
    });
    expect(predictor).toMatchObject({ pairs: 24, studyId: sampled.studyId });
  });

  it('refuses a budget that nothing meets, before there is a job', async () => {
    const search = smallSearch({ budgets: [{ limit: { $case: 'removedShare', value: 0.99 } }] });
    await expect(verbs.client.services.pairs.samplePairs({ search })).rejects.toMatchObject({
      reason: 'BUDGET_INFEASIBLE',
    });
    await expect(verbs.client.services.pairs.samplePairs({})).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'search' }],
    });
  });
});

describe('ExportPairs and ImportPairs', () => {
  it('carry the pairs of a study to another, and a predictor is the same on both', async () => {
    const { set, pairs } = await exported(sampled.studyId);
    expect(set.pairs).toEqual([]);
    expect(pairs).toHaveLength(24);
    const trials = await listTrials(verbs.client, sampled.studyId);
    expect(pairs.map(({ metrics }) => metrics)).toEqual(trials.map(({ metrics }) => metrics));
    const imported = await importing(messages(set, pairs));
    expect(imported.pairs).toBe(24);
    expect(await exported(imported.studyId)).toEqual({ set, pairs });
    const fit = (studyId: string) =>
      verbs.client.runFitPredictor({ source: { $case: 'studyId', value: studyId }, predictor: { id: 'ridge' } });
    const [here, there] = [await fit(sampled.studyId), await fit(imported.studyId)];
    expect(there).toMatchObject({
      pairsDigest: here.pairsDigest,
      measurementFingerprint: here.measurementFingerprint,
      recipeDigests: here.recipeDigests,
      quality: here.quality,
    });
    const { study } = await verbs.client.services.studies.getStudy({ studyId: imported.studyId });
    expect(study).toMatchObject({
      state: JobState.SUCCEEDED,
      model: set.model,
      checkpointDigest: set.checkpointDigest,
      predictorIds: [there.id],
    });
  });

  it('take several joined files of one measurement, thousands of pairs among them', async () => {
    const { set, pairs } = await exported(sampled.studyId);
    const many = Array.from({ length: 2500 }, (_, index) => pairs[index % 24] as Pair);
    const { studyId, pairs: count } = await importing([...messages({ ...set, pairs }, []), ...messages(set, many)]);
    expect(count).toBe(2524);
    expect((await exported(studyId)).pairs).toHaveLength(2524);
  });

  it.each([
    ['another measurement', { measurementFingerprint: 'other' }, 'set.measurement_fingerprint'],
    ['another fidelity', { fidelityDigest: 'other' }, 'set.fidelity_digest'],
    ['another checkpoint', { checkpointDigest: 'other' }, 'set.checkpoint_digest'],
  ])('refuse pairs of %s', async (_name, change, field) => {
    const { set, pairs } = await exported(sampled.studyId);
    await expect(importing([...messages(set, pairs), ...messages({ ...set, ...change }, pairs)])).rejects.toMatchObject(
      { reason: 'MEASUREMENT_MISMATCH', violations: [{ field }] },
    );
  });

  it.each([
    ['a label that is no number', { rates: [0.5, 0.5], metrics: { perplexity: NaN } }, 'pairs[1].metrics.perplexity'],
    ['an infinite label', { rates: [0.5, 0.5], metrics: { perplexity: Infinity } }, 'pairs[1].metrics.perplexity'],
    ['a perplexity of 0', { rates: [0.5, 0.5], metrics: { perplexity: 0 } }, 'pairs[1].metrics.perplexity'],
    [
      'a label that overflows when it is squared',
      { rates: [0.5, 0.5], metrics: { score: 1.7e308 } },
      'pairs[1].metrics.score',
    ],
    [
      'a label just past the largest',
      { rates: [0.5, 0.5], metrics: { score: -1.000001e30 } },
      'pairs[1].metrics.score',
    ],
    ['no label', { rates: [0.5, 0.5] }, 'pairs[1].metrics'],
    ['the wrong number of rates', { rates: [0.5], metrics: { perplexity: 3 } }, 'pairs[1].rates'],
    ['a rate above 1', { rates: [0.5, 1.5], metrics: { perplexity: 3 } }, 'pairs[1].rates[1]'],
  ])('refuse %s, and keep nothing', async (_name, bad, field) => {
    const good = { rates: [0.5, 0.25], metrics: { perplexity: 3 } };
    await expect(importing(messages({ dimensions: ['a', 'b'] }, [good, bad]))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'PAIRS_INVALID',
      violations: [{ field }],
    });
  });

  it('take the largest labels there may be, and any perplexity above 0', async () => {
    const pairs = [
      { rates: [0.5], metrics: { score: 1e30, perplexity: 1e300 } },
      { rates: [0.25], metrics: { score: -1e30, perplexity: 1e-300 } },
    ];
    const { studyId } = await importing(messages({ dimensions: ['a'] }, pairs));
    expect((await exported(studyId)).pairs).toMatchObject(pairs);
  });

  it('refuse more rates than one import may have, as they come, and keep nothing', async () => {
    const columns = 2000;
    const wide: DeepPartial<Pair> = { rates: Array.from({ length: columns }, () => 0.5), metrics: { perplexity: 3 } };
    let sent = 0;
    async function* endless(): AsyncGenerator<DeepPartial<ImportPairsRequest>> {
      yield {
        content: { $case: 'set', value: { dimensions: Array.from({ length: columns }, (_, column) => `d${column}`) } },
      };
      for (; sent < 20_000; sent++) yield { content: { $case: 'pair', value: wide } };
    }
    const countStored = (): unknown =>
      new Database(verbs.path('state', 'prunecast.db'), { readonly: true })
        .prepare('SELECT COUNT(*) FROM pair_sets')
        .raw()
        .get();
    const before = countStored();
    await expect(verbs.client.services.pairs.importPairs(endless())).rejects.toMatchObject({
      reason: 'PAIRS_TOO_MANY',
      message: expect.stringContaining('more than 10000000 rates and metrics') as string,
    });
    expect(sent).toBeLessThan(10_000_000 / columns + 1000);
    expect(countStored()).toEqual(before);
  });

  it('leave nothing behind of an import whose caller leaves, or whose server ends in the middle of it', async () => {
    const folder = await makeFolder();
    const { database, close } = await openDatabase(folder);
    const { store, pairSets } = recordsIn(database);
    const stored = () => database.selectFrom('pair_sets').select('study_id').execute();
    const services = {
      store,
      pairSets,
      plugins: new PluginRegistry([]),
      clock: { now: () => 0 },
    };
    async function* leaving(): AsyncGenerator<ImportPairsRequest> {
      yield ImportPairsRequest.fromPartial({ content: { $case: 'set', value: { dimensions: ['a'] } } });
      for (let pair = 0; pair < 1500; pair++)
        yield ImportPairsRequest.fromPartial({
          content: { $case: 'pair', value: { rates: [0.5], metrics: { score: pair } } },
        });
      expect(await stored()).toHaveLength(1); // the first thousand are stored by now
      throw new Error('the caller has left');
    }
    await expect(importPairs(services, leaving())).rejects.toThrow('the caller has left');
    expect(await stored()).toEqual([]);
    await store.keep([newPairSet('study-half', PairSet.create({ dimensions: ['a'] }))]);
    await store.keep([
      newStudy({
        id: 'study-whole',
        jobId: '',
        model: '',
        checkpointDigest: '',
        seed: 0,
        request: Uint8Array.of(),
        plan: {},
        progress: null,
        report: undefined,
        state: JobState.SUCCEEDED,
        createdMs: 0,
      }),
      newPairSet('study-whole', PairSet.create({ dimensions: ['a'] })),
    ]);
    await pairSets.sweep();
    expect(await stored()).toEqual([{ study_id: 'study-whole' }]);
    await close();
    await rm(folder, { recursive: true });
  });

  it('refuse pairs without a set, a set without pairs, and a study that is not there', async () => {
    await expect(
      importing(messages({ dimensions: ['a'] }, [{ rates: [0.5], metrics: { perplexity: 3 } }]).slice(1)),
    ).rejects.toMatchObject({ reason: 'INVALID_REQUEST', violations: [{ field: 'set' }] });
    await expect(importing(messages({ dimensions: ['a'] }, []))).rejects.toMatchObject({ reason: 'PAIRS_INVALID' });
    await expect(importing(messages({ dimensions: ['a', 'a'] }, []))).rejects.toMatchObject({
      violations: [{ field: 'set.dimensions[1]' }],
    });
    await expect(exported('study-0')).rejects.toMatchObject({ reason: 'STUDY_NOT_FOUND' });
  });
});
