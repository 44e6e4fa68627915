import { once } from 'node:events';
import { connect } from 'node:net';
import { credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { ContainerModule } from 'inversify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { JobServiceClient, JobServiceService } from '../../../src/gen/prunecast/v1/job.js';
import {
  PredictRequest,
  PredictResponse,
  PruningServiceClient,
  PruningServiceService,
} from '../../../src/gen/prunecast/v1/pruning.js';
import type * as limits from '../../../src/server/config/limits.js';
import { PARTS } from '../../../src/server/parts.js';
import { defineService } from '../../../src/server/rpc/rpc-service.js';
import { startCuttableProxy } from '../../support/cuttable-proxy.js';
import { startSourceServer } from '../../support/source-server.js';
import { ask, type TestServer } from '../../support/test-server.js';

const MOST_CALLS = 4;

// What is a minute for callers is half a second here. An answer may take longer: the machine may be busy.
vi.mock('../../../src/server/config/limits.js', async (original) => ({
  ...(await original<typeof limits>()),
  KEEPALIVE_MS: 300,
  KEEPALIVE_ANSWER_MS: 1000,
  MAX_CONNECTION_CALLS: 4,
}));

const SOON_MS = 15_000;

/** The streams and the predictions that are open on the server, by the name in their request. */
const open = new Set<string>();

/** Stays until its caller has gone. */
async function stay(name: string, signal: AbortSignal): Promise<void> {
  open.add(name);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  open.delete(name);
}

let server: TestServer;
beforeAll(async () => {
  const services = [
    defineService(JobServiceService, {
      watchJob: async function* ({ jobId }, { signal }) {
        yield { event: undefined };
        await stay(jobId, signal);
      },
    }),
    defineService(PruningServiceService, {
      predict: async ({ predictorId }, { signal }) => {
        if (predictorId === 'held') await stay(predictorId, signal);
        return PredictResponse.create({ predictorId });
      },
    }),
  ];
  server = await startSourceServer({
    config: { listen: ['127.0.0.1:0'], concurrentCalls: 1 },
    modules: [
      new ContainerModule(({ bind }) => {
        for (const service of services) bind(PARTS.rpcService).toConstantValue(service);
      }),
    ],
  });
});
afterAll(() => server[Symbol.asyncDispose]());

function watch(jobs: JobServiceClient, jobId: string): ClientReadableStream<unknown> {
  const stream = jobs.watchJob({ jobId, afterSequence: 0n });
  stream.on('error', () => undefined).resume();
  return stream;
}

const untilOpen = (...names: readonly string[]) =>
  vi.waitFor(() => expect([...open].toSorted()).toEqual(names.toSorted()), { timeout: SOON_MS, interval: 10 });

describe('a caller whose network vanishes', () => {
  it('loses its streams and its turn in a queue, and one that is silent but there keeps them', {
    timeout: SOON_MS,
  }, async () => {
    await using proxy = await startCuttableProxy(server.address);
    const [jobs, pruning] = [
      new JobServiceClient(proxy.address, credentials.createInsecure()),
      new PruningServiceClient(proxy.address, credentials.createInsecure()),
    ];
    const [gone, there] = [watch(jobs, 'gone'), watch(server.jobs, 'there')];
    ask(pruning, pruning.predict, PredictRequest.create({ predictorId: 'held' })).catch(() => undefined);
    await untilOpen('gone', 'there', 'held');
    const waiting = ask(server.pruning, server.pruning.predict, PredictRequest.create({ predictorId: 'next' }));
    proxy.silence();
    const silentAt = performance.now();
    expect(await waiting).toMatchObject({ predictorId: 'next' });
    await untilOpen('there');
    expect(performance.now() - silentAt).toBeGreaterThan(300);
    for (const stream of [gone, there]) stream.cancel();
    await untilOpen();
    for (const client of [jobs, pruning]) client.close();
  });
});

describe('a connection', () => {
  it('that never says a word is closed', { timeout: SOON_MS }, async () => {
    const [host = '', port] = server.address.split(':');
    const silent = connect(Number(port), host);
    expect(await once(silent.resume(), 'close')).toEqual([false]);
  });

  it('has so many calls at a time and no more: the next waits until one has ended', async () => {
    const names = Array.from({ length: MOST_CALLS }, (_, index) => `stream-${index}`);
    const streams = names.map((name) => watch(server.jobs, name));
    await untilOpen(...names);
    const next = watch(server.jobs, 'next');
    const other = new JobServiceClient(server.address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    const elsewhere = watch(other, 'elsewhere');
    await untilOpen(...names, 'elsewhere');
    expect(open).not.toContain('next');
    streams[0]?.cancel();
    await untilOpen(...names.slice(1), 'elsewhere', 'next');
    for (const stream of [...streams, next, elsewhere]) stream.cancel();
    await untilOpen();
    other.close();
  });
});
