import { getEventListeners } from 'node:events';
import type { Metadata, Server, ServerWritableStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createClient,
  JobState,
  type DeepPartial,
  type ImportPairsRequest,
  type PrunecastClient,
} from '../../src/client/index.js';
import { CatalogServiceService } from '../../src/gen/prunecast/v1/catalog.js';
import { JobServiceService, type WatchJobRequest, type WatchJobResponse } from '../../src/gen/prunecast/v1/job.js';
import { InspectModelResponse, ModelServiceService } from '../../src/gen/prunecast/v1/model.js';
import { PairServiceService } from '../../src/gen/prunecast/v1/pair.js';
import { PredictorServiceService } from '../../src/gen/prunecast/v1/predictor.js';
import {
  PlanSearchResponse,
  PruningServiceService,
  type PruningServiceServer,
  type SearchRequest,
  type SearchResponse,
} from '../../src/gen/prunecast/v1/pruning.js';
import { detailedStatus, endEvent, listen, makeSocket, progressEvent, toServiceError } from './fake-server.js';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

async function serve(
  ...services: Parameters<typeof listen>[1]
): Promise<{ client: PrunecastClient; address: string; server: Server }> {
  const { address, remove } = makeSocket();
  const server = await listen(address, services);
  const client = createClient({ address });
  ends.push(remove, () => server.forceShutdown(), client.close);
  return { client, address, server };
}

describe('createClient', () => {
  it('completes partial requests and answers unary calls by a promise', async () => {
    const seen: unknown[] = [];
    const { client } = await serve([
      ModelServiceService,
      {
        inspectModel: (call: { request: unknown }, answer: (error: null, value: object) => void) => {
          seen.push(call.request);
          answer(null, InspectModelResponse.fromPartial({ family: 'llama' }));
        },
        scoreUnits: () => undefined,
      },
    ]);
    const { family } = await client.services.models.inspectModel({ model: 'tiny', space: { kinds: [3] } });
    expect(family).toBe('llama');
    expect(seen).toMatchObject([{ model: 'tiny', space: { kinds: [3], ranges: [], tieRun: undefined } }]);
  });

  it('reads reason, fields, metadata and delay of an error from its details', async () => {
    const { client } = await serve([
      CatalogServiceService,
      {
        listPlugins: (_: unknown, answer: (error: object) => void) =>
          answer(toServiceError(detailedStatus(8, 'OVERLOADED', 'too many jobs wait'))),
        getServerInfo: () => undefined,
      },
    ]);
    await expect(client.services.catalog.listPlugins({}, { retry: false })).rejects.toMatchObject({
      name: 'CallError',
      code: 'RESOURCE_EXHAUSTED',
      reason: 'OVERLOADED',
      message: 'too many jobs wait',
      metadata: { nearest: '7' },
      violations: [{ field: 'model', description: 'is empty' }],
      quotas: [{ subject: 'kind:search', description: '4 of at most 4 wait' }],
      retryAfterMs: 1500,
    });
  });

  it('streams requests, and answers once they ended', async () => {
    const { client } = await serve([
      PairServiceService,
      {
        samplePairs: () => undefined,
        exportPairs: () => undefined,
        importPairs: (
          call: AsyncIterable<{ content: { $case: string } }>,
          answer: (error: null, value: object) => void,
        ) => {
          void (async () => {
            const cases: string[] = [];
            for await (const { content } of call) cases.push(content.$case);
            answer(null, { studyId: cases.join(','), pairs: cases.length });
          })();
        },
      },
    ]);
    const pairs = (async function* (): AsyncGenerator<DeepPartial<ImportPairsRequest>> {
      yield { content: { $case: 'set', value: { dimensions: ['layers.0.ffn_channels'] } } };
      for (const rate of [0.1, 0.2])
        yield { content: { $case: 'pair', value: { rates: [rate], metrics: { perplexity: 5 } } } };
    })();
    expect(await client.services.pairs.importPairs(pairs)).toEqual({ studyId: 'set,pair,pair', pairs: 3 });
  });

  it('ends a call at its deadline and at its abort, and tells the two apart', async () => {
    const { client } = await serve([
      CatalogServiceService,
      { listPlugins: () => undefined, getServerInfo: () => undefined },
    ]);
    await expect(client.services.catalog.listPlugins({}, { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    const abort = new AbortController();
    const call = client.services.catalog.listPlugins({}, { signal: abort.signal });
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(client.services.catalog.listPlugins({}, { signal: abort.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  it('refuses to send more than 4 MiB in one message', async () => {
    const { client } = await serve([PruningServiceService, pruning({})]);
    await expect(
      client.predict({ predictorId: 'p', encodings: { rates: Buffer.alloc(5 * 2 ** 20) } }),
    ).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  it('refuses a number that its field cannot hold as a bad request, before it is sent', async () => {
    const { client } = await serve([PruningServiceService, pruning({})]);
    const call = client.services.models.inspectModel({ model: 'm', space: { channelMultiple: 5e9 } });
    await expect(call).rejects.toMatchObject({
      name: 'CallError',
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/ModelService\/InspectModel.*5000000000/),
    });
  });

  it('sends its headers with each call', async () => {
    const seen: unknown[] = [];
    const { address } = await serve([
      CatalogServiceService,
      {
        listPlugins: (call: { metadata: Metadata }, answer: (error: null, value: object) => void) => {
          seen.push(call.metadata.get('authorization'));
          answer(null, { plugins: [] });
        },
      },
    ]);
    const client = createClient({ address, headers: { authorization: 'Bearer secret' } });
    ends.push(client.close);
    for (const _ of 'ab') await client.services.catalog.listPlugins({});
    expect(seen).toEqual([['Bearer secret'], ['Bearer secret']]);
  });

  it('asks for the headers of each call anew, and for no secret among them', async () => {
    const seen: unknown[] = [];
    const { address } = await serve([
      CatalogServiceService,
      {
        listPlugins: (call: { metadata: Metadata }, answer: (error: null, value: object) => void) => {
          seen.push(call.metadata.get('x-request-id'));
          answer(null, { plugins: [] });
        },
      },
    ]);
    let calls = 0;
    const numbered = createClient({ address, headers: () => ({ 'x-request-id': `order-${(calls += 1)}` }) });
    const secret = createClient({ address, headers: () => ({ Authorization: 'Bearer secret' }) });
    ends.push(numbered.close, secret.close);
    for (const _ of 'ab') await numbered.services.catalog.listPlugins({});
    await expect(secret.services.catalog.listPlugins({})).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('`token`') as string,
    });
    expect(seen).toEqual([['order-1'], ['order-2']]);
  });

  it.each(['', 'http://127.0.0.1:50051', 'https://host:50051'])('refuses the address "%s" at once', (address) => {
    expect(() => createClient({ address })).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `the address is "${address}"; allowed are host:port and unix:/path/of.sock`,
      }),
    );
  });

  it('names the address when no server is there', async () => {
    const { address, remove } = makeSocket();
    const client = createClient({ address });
    ends.push(remove, client.close);
    await expect(client.runSearch({ model: 'tiny' }, { reattach: { giveUpStartAfterMs: 50 } })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/s\.sock[^:]*$/) as string, // no "Resolution note:" without a note
    });
    await expect(client.connect()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `no server answers at ${address}`,
    });
  });

  it('connects to a server that is there', async () => {
    const { client } = await serve([PruningServiceService, pruning({})]);
    const { signal } = new AbortController();
    await expect(client.connect({ signal })).resolves.toBeUndefined();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('runSearch', () => {
  it('continues after the server was killed and came back, without a repeated or missed event', async () => {
    const { address, remove } = makeSocket();
    const requests: SearchRequest[] = [];
    const watched: bigint[] = [];
    const first = await listen(address, [
      [
        PruningServiceService,
        pruning({
          search(call) {
            requests.push(call.request);
            for (const number of [1, 2, 3]) call.write({ event: progressEvent(number) });
          },
        }),
      ],
    ]);
    const client = createClient({ address });
    ends.push(remove, client.close);

    const sequences: number[] = [];
    let second: Promise<Server> | undefined;
    const report = await client.runSearch(
      { model: 'tiny', requestId: 'mine' },
      {
        reattach: { firstDelayMs: 20 },
        async onEvent({ sequence }) {
          sequences.push(Number(sequence));
          if (sequence !== 3n) return;
          first.forceShutdown();
          second = listen(address, [
            [
              JobServiceService,
              jobs((call) => {
                watched.push(call.request.afterSequence);
                for (let number = Number(call.request.afterSequence) + 1; number < 6; number += 1)
                  call.write({ event: progressEvent(number) });
                call.write({ event: endEvent(6) });
                call.end();
              }),
            ],
          ]);
          await second;
        },
      },
    );
    (await second)?.forceShutdown();

    expect(report.studyId).toBe('study-1');
    expect(sequences).toEqual([1, 2, 3, 4, 5, 6]);
    expect(watched).toEqual([3n]);
    expect(requests.map(({ requestId }) => requestId)).toEqual(['mine']);
  });

  it('sends a request id of its own where the caller has none, the same at each try', async () => {
    const ids: string[] = [];
    const { client } = await serve([
      PruningServiceService,
      pruning({
        search(call) {
          ids.push(call.request.requestId);
          if (ids.length === 1) call.emit('error', { code: 14, details: 'restarting' });
          else answer(call, { event: endEvent(1) });
        },
      }),
    ]);
    await client.runSearch({ model: 'tiny' }, { reattach: { firstDelayMs: 1 } });
    expect(ids).toHaveLength(2);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[1]).toBe(ids[0]);
  });

  it('rejects with the error of a cancelled job, after its terminal event was seen', async () => {
    const { client } = await serve([
      PruningServiceService,
      pruning({
        search: (call) =>
          answer(call, {
            event: endEvent(1, JobState.CANCELLED, detailedStatus(1, 'CANCELLED', 'cancelled by a caller')),
          }),
      }),
    ]);
    const seen: unknown[] = [];
    await expect(
      client.runSearch({ model: 'tiny' }, { onEvent: ({ payload }) => void seen.push(payload?.$case) }),
    ).rejects.toMatchObject({ code: 'CANCELLED', reason: 'CANCELLED' });
    expect(seen).toEqual(['ended']);
  });
});

describe('a call that fails', () => {
  const stopping = detailedStatus(14, 'SERVER_STOPPING', 'the server stops', 0);
  const fast = { retry: { firstDelayMs: 1 } };

  it('is made again if it reads, or is the same when it is made twice', async () => {
    for (const method of ['getJob', 'cancelJob'] as const) {
      const { client, calls } = await serveAfter(2, stopping);
      await client.services.jobs[method]({ jobId: 'j' }, fast);
      expect(calls.count).toBe(3);
    }
  });

  it('is not made again if a second one would do more or fail where the first did its work', async () => {
    for (const method of ['resumeJob', 'deleteJob'] as const) {
      const { client, calls } = await serveAfter(2, stopping);
      await expect(client.services.jobs[method]({ jobId: 'j' }, fast)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(calls.count).toBe(1);
    }
  });

  it('and starts a job is made again with a request id only', async () => {
    const { client, calls } = await serveAfter(2, stopping);
    const { predictors } = client.services;
    await expect(predictors.fitPredictor({}, fast)).rejects.toMatchObject({ reason: 'SERVER_STOPPING' });
    expect(calls.count).toBe(1);
    await predictors.fitPredictor({ requestId: 'mine' }, fast);
    expect(calls.count).toBe(3);
  });

  it('since the server is too busy is made again when the server said, and only then', async () => {
    const { client, calls } = await serveAfter(1, detailedStatus(8, 'OVERLOADED', 'too many jobs wait', 60));
    await client.services.jobs.getJob({ jobId: 'j' });
    expect(calls.count).toBe(2);
    const unsaid = await serveAfter(1, detailedStatus(8, 'UPLOADS_FULL', 'no room', 'unsaid'));
    await expect(unsaid.client.services.jobs.getJob({ jobId: 'j' })).rejects.toMatchObject({ reason: 'UPLOADS_FULL' });
    expect(unsaid.calls.count).toBe(1);
  });

  it('is not made again if the caller wants none repeated, of this call or of the client', async () => {
    const { client, address, calls } = await serveAfter(2, stopping);
    const quick = createClient({ address, retry: false });
    ends.push(quick.close);
    for (const call of [
      quick.services.jobs.getJob({ jobId: 'j' }),
      client.services.jobs.getJob({ jobId: 'j' }, { retry: false }),
    ])
      await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(calls.count).toBe(2);
  });
});

describe('a job that a busy server refuses', () => {
  it('is started when the server said, under the same request id, and its caller is told of the wait', async () => {
    const ids: string[] = [];
    const { client } = await serve([
      PruningServiceService,
      pruning({
        search(call) {
          ids.push(call.request.requestId);
          if (ids.length === 1)
            call.emit('error', toServiceError(detailedStatus(8, 'OVERLOADED', 'too many jobs wait', 40)));
          else answer(call, { event: endEvent(1) });
        },
      }),
    ]);
    const losses: unknown[] = [];
    await client.runSearch(
      { model: 'tiny' },
      { onLost: ({ error, delayMs }) => losses.push([error.reason, delayMs >= 40]) },
    );
    expect(new Set(ids).size).toBe(1);
    expect(ids).toHaveLength(2);
    expect(losses).toEqual([['OVERLOADED', true]]);
  });

  it('fails if the server is busy for longer than the caller has patience', async () => {
    const { client } = await serve([
      PruningServiceService,
      pruning({
        search: (call) =>
          void call.emit('error', toServiceError(detailedStatus(8, 'OVERLOADED', 'too many jobs wait', 400))),
      }),
    ]);
    const waits = client.runSearch({ model: 'tiny' }, { reattach: { giveUpBusyAfterMs: 300 } });
    await expect(waits).rejects.toMatchObject({ reason: 'OVERLOADED', retryAfterMs: 400 });
  });
});

describe('planSearch', () => {
  it('asks for the plan alone', async () => {
    const { client } = await serve([
      PruningServiceService,
      pruning({
        planSearch: ({ request }, respond) =>
          respond(null, PlanSearchResponse.fromPartial({ plan: { trials: BigInt(request.model.length) } })),
      }),
    ]);
    expect((await client.planSearch({ model: 'tiny' })).trials).toBe(4n);
  });
});

/** Fails the first calls of a method with a status, then answers. */
async function serveAfter(failures: number, status: ReturnType<typeof detailedStatus>) {
  const calls = { count: 0 };
  const answerAfter = (_: unknown, respond: (error: object | null, value?: object) => void): void => {
    calls.count += 1;
    if (calls.count <= failures) respond(toServiceError(status));
    else respond(null, {});
  };
  const all = { getJob: answerAfter, listJobs: silent, watchJob: silent, cancelJob: answerAfter };
  const { client, address } = await serve(
    [JobServiceService, { ...all, resumeJob: answerAfter, deleteJob: answerAfter }],
    [
      PredictorServiceService,
      {
        fitPredictor: answerAfter,
        getPredictor: silent,
        listPredictors: silent,
        deletePredictor: silent,
        explainPredictor: silent,
        proposeRefinement: silent,
      },
    ],
  );
  return { client, address, calls };
}
function answer(call: ServerWritableStream<SearchRequest, SearchResponse>, response: SearchResponse): void {
  call.write(response);
  call.end();
}

function pruning({
  search = silent,
  planSearch = silent,
}: Partial<Pick<PruningServiceServer, 'search' | 'planSearch'>>) {
  return {
    prune: silent,
    planPrune: silent,
    evaluate: silent,
    planEvaluate: silent,
    predict: silent,
    search,
    planSearch,
  };
}

function silent(): void {}

function jobs(watchJob: (call: ServerWritableStream<WatchJobRequest, WatchJobResponse>) => void) {
  return { getJob: silent, listJobs: silent, watchJob, cancelJob: silent, resumeJob: silent, deleteJob: silent };
}
