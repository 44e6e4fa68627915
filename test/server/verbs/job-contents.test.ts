import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobKind, JobState, JobView, type Job } from '../../../src/client/index.js';
import type { Any } from '../../../src/gen/google/protobuf/any.js';
import { SamplePairsRequest } from '../../../src/gen/prunecast/v1/pair.js';
import { FitPredictorRequest } from '../../../src/gen/prunecast/v1/predictor.js';
import { EvaluateRequest, PruneRequest, SearchRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import {
  DEMO,
  MAGNITUDE,
  REFERENCE_TEXT,
  refusalOf,
  smallSearch,
  startVerbServer,
  tokenText,
  type VerbServer,
} from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
});
afterAll(() => verbs[Symbol.asyncDispose]());

const REQUESTS = {
  [JobKind.PRUNE]: ['PruneRequest', PruneRequest],
  [JobKind.EVALUATE]: ['EvaluateRequest', EvaluateRequest],
  [JobKind.SEARCH]: ['SearchRequest', SearchRequest],
  [JobKind.SAMPLE_PAIRS]: ['SamplePairsRequest', SamplePairsRequest],
  [JobKind.FIT_PREDICTOR]: ['FitPredictorRequest', FitPredictorRequest],
} as const;

function decodeRequest(kind: keyof typeof REQUESTS, request: Any | undefined): unknown {
  const [name, codec] = REQUESTS[kind];
  expect(request?.typeUrl).toBe(`type.googleapis.com/prunecast.v1.${name}`);
  return codec.decode(request?.value ?? new Uint8Array());
}

const list = async (labels: Record<string, string>, view: JobView = JobView.UNSPECIFIED): Promise<Job[]> =>
  (await verbs.client.services.jobs.listJobs({ labels, view })).jobs;

const evaluation = (ids: readonly number[], labels: Record<string, string>) => ({
  model: DEMO,
  measurement: { text: tokenText(ids) },
  fidelity: { tokenLimit: 128n },
  labels,
});

describe('a job', () => {
  it('carries its request, its labels and what came out, whatever its kind', async () => {
    const { client } = verbs;
    const labels = { team: 'contents' };
    const prune = {
      model: DEMO,
      recipe: MAGNITUDE,
      selection: { $case: 'uniformRate', value: 0.25 },
      output: 'cut',
      labels,
    } as const;
    const pruned = await client.runPrune(prune);
    const evaluated = await client.runEvaluate({ model: DEMO, measurement: { text: REFERENCE_TEXT }, labels });
    const searched = await client.runSearch(smallSearch({ labels }));
    const sampled = await client.runSamplePairs({ search: smallSearch({ labels }) });
    const fit = { source: { $case: 'studyId', value: sampled.studyId }, predictor: { id: 'ridge' }, labels } as const;
    const predictor = await client.runFitPredictor(fit);

    const jobs = (await list(labels, JobView.FULL)).toReversed();
    expect(jobs.map(({ kind }) => kind)).toEqual([1, 2, 3, 4, 5]);
    const idOf = (place: number): string => jobs[place]?.requestId ?? ''; // those that the client made
    expect(jobs.every((job) => JSON.stringify(job.labels) === '{"team":"contents"}')).toBe(true);
    expect(jobs.map(({ result }) => result)).toEqual([
      { $case: 'prune', value: pruned },
      { $case: 'evaluate', value: { evaluated: evaluated.length, tokensSpent: expect.any(BigInt) as bigint } },
      { $case: 'search', value: searched },
      { $case: 'samplePairs', value: sampled },
      { $case: 'predictor', value: predictor },
    ]);
    expect(jobs.map(({ kind, request }) => decodeRequest(kind as JobKind.PRUNE, request))).toEqual([
      PruneRequest.fromPartial({ ...prune, requestId: idOf(0) }),
      EvaluateRequest.fromPartial({ model: DEMO, measurement: { text: REFERENCE_TEXT }, labels, requestId: idOf(1) }),
      SearchRequest.fromPartial(smallSearch({ labels, requestId: idOf(2) })),
      SamplePairsRequest.fromPartial({ search: smallSearch({ labels, requestId: idOf(3) }) }),
      FitPredictorRequest.fromPartial({ ...fit, requestId: idOf(4) }),
    ]);
    for (const job of jobs) expect(await client.services.jobs.getJob({ jobId: job.id })).toEqual({ job });
    const basic = jobs.map((job) => ({ ...job, request: undefined, result: undefined }));
    expect((await list(labels)).toReversed()).toEqual(basic);
    expect(await client.services.jobs.getJob({ jobId: basic[2]?.id ?? '', view: JobView.BASIC })).toEqual({
      job: basic[2],
    });
  });

  it('that was cancelled has its request, and no result', async () => {
    const request = smallSearch({ labels: { team: 'cancelled' }, candidates: 1_000_000n });
    const { services } = verbs.client;
    let jobId = '';
    for await (const { event } of services.pruning.search(request)) {
      jobId = event?.jobId ?? '';
      if (jobId !== '') break;
    }
    const { job: cancelled } = await services.jobs.cancelJob({ jobId });
    expect(cancelled).toMatchObject({ state: JobState.CANCELLED, request: undefined, labels: { team: 'cancelled' } });
    const { job } = await services.jobs.getJob({ jobId });
    expect(job?.result).toBeUndefined();
    expect(decodeRequest(JobKind.SEARCH, job?.request)).toEqual(SearchRequest.fromPartial(request));
  });

  it('is found by all of its labels, and they are refused beyond their bounds', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => index % 500);
    await verbs.client.runEvaluate(evaluation(ids, { team: 'found', size: 'small' }));
    await verbs.client.runEvaluate(evaluation(ids, { team: 'found', size: 'large' }));
    expect(await list({ team: 'found' })).toHaveLength(2);
    expect((await list({ team: 'found', size: 'small' })).map(({ labels }) => labels['size'])).toEqual(['small']);
    expect(await list({ size: 'found' })).toEqual([]);
    const refuse = (labels: Record<string, string>) =>
      refusalOf(verbs, () => verbs.client.runEvaluate(evaluation(ids, labels)));
    expect(await refuse({ long: 'x'.repeat(129) })).toMatchObject({
      reason: 'INVALID_REQUEST',
      fields: ['labels.long'],
    });
    expect(await refuse(Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`n${index}`, ''])))).toMatchObject(
      { reason: 'INVALID_REQUEST', fields: ['labels'] },
    );
  });

  it('of a known request id is attached to under the same labels only', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => index % 500);
    const request = { ...evaluation(ids, { run: '1' }), requestId: 'labelled' };
    await verbs.client.runEvaluate(request);
    await verbs.client.runEvaluate(request);
    expect(await list({ run: '1' })).toHaveLength(1);
    expect(await refusalOf(verbs, () => verbs.client.runEvaluate({ ...request, labels: { run: '2' } }))).toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
  });

  it('is listed with its request on pages that fit a message, and without it where it alone does not', async () => {
    const labels = { team: 'long' };
    const long = Array.from({ length: 700_000 }, () => 300); // 2 bytes each
    for (let index = 0; index < 4; index++) await verbs.client.runEvaluate(evaluation(long.with(0, index), labels));
    const sizes: number[] = [];
    const ids: string[] = [];
    let pageToken = '';
    do {
      const page = await verbs.client.services.jobs.listJobs({ labels, view: JobView.FULL, pageSize: 3, pageToken });
      expect(page.jobs.every(({ request }) => (request?.value.length ?? 0) > 1_400_000)).toBe(true);
      sizes.push(page.jobs.length);
      ids.push(...page.jobs.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(sizes).toEqual([2, 2]);
    expect(ids).toEqual((await list(labels)).map(({ id }) => id));

    const longest = Array.from({ length: 1_048_400 }, () => 300);
    await verbs.client.runEvaluate({
      ...evaluation(longest, { team: 'longest' }),
      recipe: { ...MAGNITUDE, calibration: { text: tokenText(longest) } },
    });
    const [job] = await list({ team: 'longest' }, JobView.FULL);
    expect(job).toMatchObject({ request: undefined, result: { $case: 'evaluate', value: { evaluated: 1 } } });
  });
});
