import { rm } from 'node:fs/promises';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Control,
  createClient,
  JobState,
  type DeepPartial,
  type EvaluateRequest,
  type PrunecastClient,
} from '../../../src/client/index.js';
import { HealthClient, type HealthCheckResponse } from '../../../src/gen/grpc/health/v1/health.js';
import { ask, makeFolder } from '../../support/test-server.js';
import { startServerChild } from '../../support/server-child.js';
import { DEMO, listTrials, MAGNITUDE, smallSearch, startVerbServer, tokenText } from './verb-server.js';

const [SERVING, NOT_SERVING] = [1, 2];

const SEARCH = smallSearch({
  requestId: 'search',
  pairs: { count: 12, rungs: [{ tokenLimit: 256n }] },
  candidates: 50n,
  controls: [Control.UNIFORM_PAPER],
  output: 'winner',
});

/** Of two models, each for some hundred milliseconds at least with 60,000 tokens. */
function evaluation(requestId: string, tokens: number): DeepPartial<EvaluateRequest> {
  return {
    requestId,
    model: DEMO,
    recipe: MAGNITUDE,
    measurement: { text: tokenText(Array.from({ length: tokens }, (_, index) => 3 + ((index * 7) % 500))) },
    targets: [0, 0.1].map((value) => ({ target: { $case: 'uniformRate', value } }) as const),
  };
}

const LONG_EVALUATION = evaluation('evaluation', 60_000);

/** Starts an evaluation; the id of its job once it runs. */
async function startEvaluation(client: PrunecastClient, request: DeepPartial<EvaluateRequest>): Promise<string> {
  for await (const { jobId, payload } of client.evaluate(request)) if (payload?.$case === 'started') return jobId;
  throw new Error('the evaluation has not started');
}

/** What a server told of its own health, in order, until its streams ended. */
async function watchHealth(health: HealthClient, told: (status: number) => void): Promise<void> {
  try {
    for await (const { status } of health.watch({ service: '' }) as AsyncIterable<HealthCheckResponse>) told(status);
  } catch {
    // It ends with the server.
  }
}

let folder = '';
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a server that is asked to stop', { timeout: 120_000 }, () => {
  it('refuses work, ends streams with where to go on, lets trials end, ends with 0, and the next one goes on with its jobs', async () => {
    const server = await startServerChild(folder, {
      environment: { PRUNECAST_SHUTDOWN_GRACE_MS: '60000', PRUNECAST_CONCURRENT_JOBS: '2' },
    });
    const client = createClient({ address: server.address, retry: false });
    const health = new HealthClient(server.address, credentials.createInsecure());
    const { jobs } = client.services;

    const statuses: number[] = [];
    const drains = new Promise<void>((resolve) => {
      void watchHealth(health, (status) => {
        statuses.push(status);
        if (status === NOT_SERVING) resolve();
      });
    });
    let searchId = '';
    for await (const { jobId, payload } of client.search(SEARCH)) {
      searchId = jobId;
      if (payload?.$case === 'study' && payload.value.event?.$case === 'trial') break;
    }
    const evaluationId = await startEvaluation(client, LONG_EVALUATION);
    let seen = 0n;
    const stream = jobs.watchJob({ jobId: searchId })[Symbol.asyncIterator]();
    const watch = async (): Promise<void> => {
      const { value } = await stream.next();
      if (value?.event?.sequence) seen = value.event.sequence;
      return value && watch();
    };
    await stream.next();
    const watching = watch().catch((error: unknown) => error);

    const exit = server.stop();
    await drains;
    expect(await ask(health, health.check, { service: '' })).toEqual({ status: NOT_SERVING });
    const late = client.services.pruning.evaluate({ ...LONG_EVALUATION, requestId: 'late' })[Symbol.asyncIterator]();
    await expect(late.next()).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'SERVER_STOPPING' });
    expect(await watching).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'SERVER_STOPPING',
      metadata: { job_id: searchId, after_sequence: String(seen) },
    });
    expect(await exit).toBe(0);
    expect(statuses).toEqual([SERVING, NOT_SERVING]);
    client.close();
    health.close();

    await using undisturbed = await startVerbServer();
    await using next = await startVerbServer({ folder });
    const sequences: bigint[] = [];
    for await (const { sequence } of next.client.followJob(searchId, { afterSequence: seen })) sequences.push(sequence);
    expect(sequences).toEqual(sequences.map((_, index) => seen + 1n + BigInt(index)));
    const [report, expected] = [await next.client.runSearch(SEARCH), await undisturbed.client.runSearch(SEARCH)];
    expect([report.winner, report.winnerUnits]).toEqual([expected.winner, expected.winnerUnits]);
    const trials = await listTrials(next.client, report.studyId);
    expect(trials).toHaveLength((await listTrials(undisturbed.client, expected.studyId)).length);

    // The model that it measured when it was asked to stop was paid for once: the job has its result from then.
    const results = await next.client.runEvaluate(LONG_EVALUATION);
    expect(results.map(({ index }) => index)).toEqual([0, 1]);
    const { job } = await next.client.services.jobs.getJob({ jobId: evaluationId });
    expect(job).toMatchObject({ state: JobState.SUCCEEDED });
  });

  it('ends at once by a second signal, whatever runs', async () => {
    const server = await startServerChild(folder, { environment: { PRUNECAST_SHUTDOWN_GRACE_MS: '600000' } });
    const client = createClient({ address: server.address });
    const health = new HealthClient(server.address, credentials.createInsecure());
    const drains = new Promise<void>((resolve) => {
      void watchHealth(health, (status) => void (status === NOT_SERVING && resolve()));
    });
    await startEvaluation(client, evaluation('unfinished', 300_000)); // never to its end, so that no time is spent on it
    const first = server.stop();
    await drains;
    expect(await Promise.all([first, server.stop()])).toEqual(['SIGTERM', 'SIGTERM']);
    client.close();
    health.close();
  });
});
