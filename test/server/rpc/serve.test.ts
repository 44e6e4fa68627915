import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { ContainerModule } from 'inversify';
import { describe, expect, it, vi } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthClient,
} from '../../../src/gen/grpc/health/v1/health.js';
import { CatalogServiceService } from '../../../src/gen/prunecast/v1/catalog.js';
import { JobProgress, JobServiceService, ListJobsRequest } from '../../../src/gen/prunecast/v1/job.js';
import { ModelServiceService } from '../../../src/gen/prunecast/v1/model.js';
import { type ImportPairsRequest, PairServiceClient, PairServiceService } from '../../../src/gen/prunecast/v1/pair.js';
import { PredictorServiceService } from '../../../src/gen/prunecast/v1/predictor.js';
import { PruningServiceService } from '../../../src/gen/prunecast/v1/pruning.js';
import { StudyServiceService } from '../../../src/gen/prunecast/v1/study.js';
import { PARTS } from '../../../src/server/parts.js';
import { defineService, type RpcService } from '../../../src/server/rpc/rpc-service.js';
import { startSourceServer } from '../../support/source-server.js';
import { ask, failureOf } from '../../support/test-server.js';

/** So long that a stop which waits for it outlasts any test. */
const ENDLESS = { shutdownGraceMs: 600_000 };
/** Services in the place of the built-in ones. */
const bindAll = (services: readonly RpcService[]) =>
  new ContainerModule(({ bind }) => {
    for (const service of services) bind(PARTS.rpcService).toConstantValue(service);
  });
const serving = (...services: RpcService[]) => startSourceServer({ config: ENDLESS, modules: [bindAll(services)] });
/** An answer of a given size: a tag of one byte, a length of four, and the text. */
const framed = (length: number) => ({ jobs: [], nextPageToken: 'x'.repeat(length - 5) });
const failureOfStream = (stream: AsyncIterable<unknown>) =>
  failureOf(
    (async () => {
      for await (const message of stream) void message;
    })(),
  );

describe('a unary method', () => {
  it('answers with the code, reason, domain, metadata and field paths of an error', async () => {
    await using server = await serving(
      defineService(JobServiceService, {
        getJob: () => {
          throw new PrunecastError('PAIRS_TOO_FEW', 'two pairs, ten are needed – send more', {
            metadata: { given: '2', least: '10' },
            violations: [{ field: 'pairs.pairs', description: 'has 2, at least 10' }],
            retryAfterMs: 2000,
          });
        },
      }),
    );
    expect(await failureOf(ask(server.jobs, server.jobs.getJob, { jobId: 'a', view: 0 }))).toEqual({
      code: status.FAILED_PRECONDITION,
      message: 'two pairs, ten are needed – send more',
      reason: 'PAIRS_TOO_FEW',
      domain: 'prunecast',
      metadata: { given: '2', least: '10' },
      violations: [{ field: 'pairs.pairs', description: 'has 2, at least 10' }],
      retrySeconds: 2,
    });
  });

  it('hides the cause of an unknown error from the caller and logs it under the id that the caller gets', async () => {
    const logged: Record<string, unknown>[] = [];
    const { pino } = await import('pino');
    await using server = await startSourceServer({
      log: pino({}, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) }),
      modules: [
        bindAll([
          defineService(JobServiceService, {
            getJob: () => Promise.reject(new Error('secret at /etc/keys')),
          }),
        ]),
      ],
    });
    const error: unknown = await ask(server.jobs, server.jobs.getJob, { jobId: 'a', view: 0 }).catch(
      (thrown: unknown) => thrown,
    );
    const failure = await failureOf(Promise.reject(error));
    expect(failure).toMatchObject({ code: status.INTERNAL, reason: 'INTERNAL' });
    expect(
      JSON.stringify([failure, (error as ServiceError).details, (error as ServiceError).metadata.toJSON()]),
    ).not.toContain('secret');
    const entry = logged.find(({ error_id }) => error_id === failure.metadata['error_id']);
    expect(entry).toMatchObject({ err: { message: 'secret at /etc/keys' }, method: 'prunecast.v1.JobService/GetJob' });
  });

  it('answers with what a message just holds, and refuses one byte more with a way out in place of a failure of gRPC', async () => {
    const holds = 4 * 2 ** 20; // the limit that gRPC's own clients have too
    let length = holds;
    await using server = await serving(defineService(JobServiceService, { listJobs: () => framed(length) }));
    const listing = () => ask(server.jobs, server.jobs.listJobs, ListJobsRequest.fromPartial({}));
    expect(JobServiceService.listJobs.responseSerialize(framed(holds))).toHaveLength(holds);
    expect((await listing()).nextPageToken).toHaveLength(holds - 5);
    length += 1;
    expect(await failureOf(listing())).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: 'MESSAGE_TOO_LARGE',
      message: `the answer of prunecast.v1.JobService/ListJobs has ${holds + 1} bytes, a message holds ${holds}: ask for a smaller page_size`,
    });
  });

  it('keeps a status within what clients accept as headers, however long the error', async () => {
    await using server = await serving(
      defineService(JobServiceService, {
        getJob: () => {
          throw new PrunecastError('INVALID_REQUEST', 'm'.repeat(1e6), {
            violations: Array.from({ length: 1000 }, (_, i) => ({ field: `f${i}`, description: 'd'.repeat(1e4) })),
            metadata: { long: 'v'.repeat(1e6) },
          });
        },
      }),
    );
    const error: unknown = await ask(server.jobs, server.jobs.getJob, { jobId: 'a', view: 0 }).catch(
      (thrown: unknown) => thrown,
    );
    const { code, metadata, details } = error as ServiceError;
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(details.length + ((metadata.get('grpc-status-details-bin')[0]?.length ?? 0) * 4) / 3).toBeLessThan(8192);
  });

  it('fires its signal on the deadline of the caller', async () => {
    const seen: AbortSignal[] = [];
    await using server = await serving(
      defineService(JobServiceService, {
        getJob: (_request, { signal }) => {
          seen.push(signal);
          return new Promise(() => undefined);
        },
      }),
    );
    const error = await new Promise<ServiceError | null>((resolve) => {
      server.jobs.getJob({ jobId: 'a', view: 0 }, new Metadata(), { deadline: Date.now() + 200 }, resolve);
    });
    expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
    await vi.waitFor(() => expect(seen[0]?.aborted).toBe(true));
    expect(seen[0]?.reason).toBeInstanceOf(PrunecastError);
  });
});

describe('a stream of answers', () => {
  const payload = {
    $case: 'progress',
    value: JobProgress.fromPartial({ activity: 'x'.repeat(64 * 1024) }),
  } as const;

  it('makes no more messages than a slow caller takes', async () => {
    const total = 500;
    let made = 0;
    await using server = await serving(
      defineService(JobServiceService, {
        watchJob: async function* () {
          for (; made < total; made++)
            yield { event: { jobId: 'a', sequence: BigInt(made + 1), time: undefined, payload } };
        },
      }),
    );
    const stream = server.jobs.watchJob({ jobId: 'a', afterSequence: 0n });
    const messages = (stream as AsyncIterable<{ event: { sequence: bigint } | undefined }>)[Symbol.asyncIterator]();
    await messages.next();
    const held = await settledValue(() => made);
    // 64 KiB each: what fits the windows and buffers of both sides, and not the 32 MiB of all.
    expect(held).toBeLessThan(150);
    let last = 1n;
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      expect(next.value.event?.sequence).toBe(last + 1n);
      last += 1n;
    }
    expect(last).toBe(BigInt(total));
  });

  it('ends with DEADLINE_EXCEEDED also where messages are written at the moment of the deadline', async () => {
    await using server = await serving(
      defineService(JobServiceService, {
        watchJob: async function* () {
          // Faster than a connection takes them, so that some are under way whenever the deadline comes.
          for (;;)
            yield {
              event: { jobId: 'a', sequence: 1n, time: undefined, payload: { $case: 'heartbeat', value: {} } as const },
            };
        },
      }),
    );
    // Only the server gets the deadline: a client that knows it ends the call by itself.
    const metadata = new Metadata();
    metadata.set('grpc-timeout', '50m');
    for (let call = 0; call < 5; call++) {
      const stream = server.jobs.watchJob({ jobId: 'a', afterSequence: 0n }, metadata).resume();
      expect(await new Promise((resolve) => stream.on('error', ({ code }: ServiceError) => resolve(code)))).toBe(
        status.DEADLINE_EXCEEDED,
      );
    }
  });

  it('fires its signal and lets the generator clean up when the caller leaves', async () => {
    const steps: string[] = [];
    await using server = await serving(
      defineService(JobServiceService, {
        watchJob: async function* (_request, { signal }) {
          try {
            yield { event: undefined };
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
            steps.push('signal');
          } finally {
            steps.push('cleaned up');
          }
        },
      }),
    );
    const stream = server.jobs.watchJob({ jobId: 'a', afterSequence: 0n });
    await (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
    stream.on('error', () => undefined).cancel();
    await vi.waitFor(() => expect(steps).toEqual(['signal', 'cleaned up']));
  });

  it('ends with the error that is thrown after some messages', async () => {
    await using server = await serving(
      defineService(JobServiceService, {
        watchJob: async function* () {
          yield { event: undefined };
          throw new PrunecastError('JOB_NOT_FOUND', 'it was deleted meanwhile');
        },
      }),
    );
    expect(await failureOfStream(server.jobs.watchJob({ jobId: 'a', afterSequence: 0n }))).toMatchObject({
      code: status.NOT_FOUND,
      reason: 'JOB_NOT_FOUND',
    });
  });

  it('ends with UNAVAILABLE when the server stops, though its generator hangs', async () => {
    await using server = await serving(
      defineService(JobServiceService, {
        watchJob: async function* () {
          yield { event: undefined };
          await new Promise(() => undefined);
        },
      }),
    );
    const stream = server.jobs.watchJob({ jobId: 'a', afterSequence: 0n });
    const messages = (stream as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    await messages.next();
    const failure = failureOf(messages.next());
    await server.stop();
    expect(await failure).toMatchObject({ code: status.UNAVAILABLE, reason: 'SERVER_STOPPING' });
  });
});

describe('a stream of requests', () => {
  const pair: ImportPairsRequest = {
    content: { $case: 'pair', value: { rates: [0.5], metrics: { perplexity: 20 }, recipeDigest: '' } },
  };

  it('hands over the requests one by one, and answers once', async () => {
    await using server = await serving(
      defineService(PairServiceService, {
        importPairs: async (requests) => {
          let pairs = 0;
          for await (const { content } of requests) pairs += content?.$case === 'pair' ? 1 : 0;
          return { studyId: 's', pairs };
        },
      }),
    );
    expect(
      await importing(
        server,
        Array.from({ length: 300 }, () => pair),
      ),
    ).toEqual({ studyId: 's', pairs: 300 });
  });

  it('answers with an error before all requests have come', async () => {
    await using server = await serving(
      defineService(PairServiceService, {
        importPairs: async (requests) => {
          for await (const request of requests)
            throw PrunecastError.ofField('pair.rates', `has ${request.content?.value === undefined}`, 'PAIRS_INVALID');
          return { studyId: '', pairs: 0 };
        },
      }),
    );
    expect(
      await failureOf(
        importing(
          server,
          Array.from({ length: 50 }, () => pair),
        ),
      ),
    ).toMatchObject({ reason: 'PAIRS_INVALID', violations: [{ field: 'pair.rates' }] });
  });
});

describe('a method without a handler', () => {
  it('answers UNIMPLEMENTED with NOT_IMPLEMENTED and its name, whatever its kind', async () => {
    const definitions = [
      PruningServiceService,
      JobServiceService,
      StudyServiceService,
      PairServiceService,
      PredictorServiceService,
      ModelServiceService,
      CatalogServiceService,
    ];
    await using server = await serving(...definitions.map((definition) => defineService(definition, {})));
    const client = new Client(server.address, credentials.createInsecure());
    const methods = definitions.flatMap((definition) => Object.values(definition));
    expect(methods.length).toBeGreaterThan(25);
    for (const { path } of methods) {
      const call = client.makeBidiStreamRequest<Buffer, Buffer>(
        path,
        (bytes) => bytes,
        (bytes) => bytes,
      );
      call.write(Buffer.alloc(0));
      call.end();
      expect(await failureOfStream(call)).toMatchObject({
        code: status.UNIMPLEMENTED,
        reason: 'NOT_IMPLEMENTED',
        metadata: { method: path.slice(1) },
      });
    }
    client.close();
  });
});

describe('health', () => {
  it('reports on the server and each service, and ends its watchers when the server stops', async () => {
    await using server = await startSourceServer({ config: ENDLESS });
    const client = new HealthClient(server.address, credentials.createInsecure());
    for (const service of ['', 'prunecast.v1.PruningService', 'prunecast.v1.CatalogService']) {
      expect(await ask(client, client.check, { service })).toEqual({ status: ServingStatus.SERVING });
    }
    expect(await failureOf(ask(client, client.check, { service: 'prunecast.v1.Nothing' }))).toMatchObject({
      code: status.NOT_FOUND,
      reason: 'SERVICE_NOT_FOUND',
    });
    const watch = (client.watch({ service: '' }) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    expect(await watch.next()).toMatchObject({ value: { status: ServingStatus.SERVING } });
    const told = watch.next();
    const stopped = server.stop();
    expect(await told).toMatchObject({ value: { status: ServingStatus.NOT_SERVING } });
    expect(await failureOf(watch.next())).toMatchObject({ code: status.UNAVAILABLE });
    await stopped;
    client.close();
  });
});

/** A number once it has not changed for 200 ms. */
async function settledValue(read: () => number): Promise<number> {
  for (let last = -1; ; ) {
    const now = read();
    if (now === last) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The answer to a stream of pairs. */
function importing(server: { address: string }, requests: readonly ImportPairsRequest[]): Promise<{ pairs: number }> {
  return new Promise((resolve, reject) => {
    const client = new PairServiceClient(server.address, credentials.createInsecure());
    const call = client.importPairs((error, response) => {
      client.close();
      if (error) reject(error);
      else resolve(response);
    });
    for (const request of requests) call.write(request);
    call.end();
  });
}
