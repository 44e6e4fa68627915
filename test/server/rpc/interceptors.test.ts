import { getEventListeners } from 'node:events';
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_TELEMETRY } from '../../../src/core/ports/telemetry.js';
import { NO_TRACER } from '../../../src/core/ports/tracer.js';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import type { CallOrigin, Identity } from '../../../src/core/ports/authenticator.js';
import { ServingState } from '../../../src/core/serving-state.js';
import { ServerReflectionService } from '../../../src/gen/grpc/reflection/v1/reflection.js';
import { JobServiceService } from '../../../src/gen/prunecast/v1/job.js';
import { PairServiceService } from '../../../src/gen/prunecast/v1/pair.js';
import type { CallContext } from '../../../src/server/rpc/interceptors/call-context.js';
import { createCallRunner } from '../../../src/server/rpc/call-runner.js';
import { addService, defineService } from '../../../src/server/rpc/rpc-service.js';
import { failureOf } from '../../support/test-server.js';

/** One method of each kind. */
const KINDS = {
  unary: 'prunecast.v1.JobService/GetJob',
  'server stream': 'prunecast.v1.JobService/WatchJob',
  'client stream': 'prunecast.v1.PairService/ImportPairs',
  duplex: 'grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
} as const;
type Kind = keyof typeof KINDS;
const kinds = Object.keys(KINDS) as Kind[];

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** What every handler does; each test sets it. */
let work: (context: CallContext) => Promise<void>;
let authenticate: (call: CallOrigin) => Identity | undefined | Promise<Identity | undefined>;
let counted: string[];
let logged: Record<string, unknown>[];
let stopping: AbortController;
let server: Server;
let client: Client;

beforeEach(async () => {
  work = async () => undefined;
  authenticate = () => undefined;
  counted = [];
  logged = [];
  stopping = new AbortController();
  const state = new ServingState();
  state.enter('serving');
  const calls = createCallRunner({
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) }),
    stopping: stopping.signal,
    state,
    authenticator: { check: (call) => authenticate(call) },
    tracer: NO_TRACER,
    telemetry: {
      ...NO_TELEMETRY,
      callStarted: (method) => void counted.push(`${method} started`),
      callEnded: (method, code, ms) => void counted.push(`${method} ${ms >= 0 ? code : `took ${ms}`}`),
    },
  });
  server = new Server({ interceptors: [calls.guard] });
  const services = [
    defineService(JobServiceService, {
      getJob: async (_request, context) => {
        await work(context);
        return { job: undefined };
      },
      watchJob: async function* (_request, context) {
        await work(context);
        yield { event: undefined };
      },
    }),
    defineService(PairServiceService, {
      importPairs: async (requests, context) => {
        for await (const request of requests) void request;
        await work(context);
        return { studyId: '', pairs: 0 };
      },
    }),
    defineService(ServerReflectionService, {
      serverReflectionInfo: async function* (requests, context) {
        for await (const request of requests) {
          await work(context);
          yield { validHost: '', originalRequest: request, messageResponse: undefined };
        }
      },
    }),
  ];
  for (const service of services) addService(server, service, calls);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

const asIs = (bytes: Buffer): Buffer => bytes;

/** Calls the method of a kind with one empty request, until `leave` fires; its trailers. */
function call(kind: Kind, metadata = new Metadata(), leave?: AbortSignal): Promise<Metadata> {
  const path = `/${KINDS[kind]}`;
  const request = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const settle = (error: ServiceError | null) => {
      if (error) reject(error);
    };
    const begin = () => {
      if (kind === 'unary') return client.makeUnaryRequest(path, asIs, asIs, request, metadata, {}, settle);
      if (kind === 'client stream')
        return client.makeClientStreamRequest(path, asIs, asIs, metadata, {}, settle).end(request);
      if (kind === 'server stream')
        return client.makeServerStreamRequest(path, asIs, asIs, request, metadata).on('error', reject).resume();
      return client.makeBidiStreamRequest(path, asIs, asIs, metadata).on('error', reject).resume().end(request);
    };
    const begun = begin();
    begun.on('status', (ended: StatusObject) => {
      if (ended.code === status.OK) resolve(ended.metadata);
    });
    leave?.addEventListener('abort', () => begun.cancel());
  });
}

/** Handlers hang until their signal fires; resolves when one does. */
function hang(): Promise<CallContext> {
  return new Promise((begun) => {
    work = (context) =>
      new Promise((_, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
        begun(context);
      });
  });
}

function countListeners(): number {
  return getEventListeners(stopping.signal, 'abort').length;
}

/** Waits until a call has been counted to its end. */
async function countedEnd(): Promise<string[]> {
  while (counted.length < 2) await new Promise((resolve) => setImmediate(resolve));
  return counted;
}

describe.each(kinds)('a %s call', (kind) => {
  const method = KINDS[kind];

  it('is counted and logged once, with its code', async () => {
    await call(kind);
    expect(await countedEnd()).toEqual([`${method} started`, `${method} OK`]);
    expect(logged).toEqual([
      expect.objectContaining({
        level: kind === 'client stream' ? 30 : 20,
        method,
        code: 'OK',
        ms: expect.any(Number),
      }),
    ]);
    expect(logged[0]).toMatchObject({ request_id: expect.stringMatching(UUID), caller: 'anonymous' });
    expect(logged[0]).not.toHaveProperty('trace_id');
  });

  it('is named in the log and in its trailers as the caller has named it, and by the trace of the caller', async () => {
    const metadata = new Metadata();
    metadata.set('x-request-id', 'shop/7:order=3');
    metadata.set('traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
    expect((await call(kind, metadata)).get('x-request-id')).toEqual(['shop/7:order=3']);
    work = () => Promise.reject(new PrunecastError('JOB_NOT_FOUND', 'gone'));
    const failed = await call(kind, metadata).catch((error: ServiceError) => error.metadata);
    expect(failed.get('x-request-id')).toEqual(['shop/7:order=3']);
    await countedEnd();
    expect(logged).toMatchObject(
      ['OK', 'NOT_FOUND'].map((code) => ({
        code,
        request_id: 'shop/7:order=3',
        trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
        span_id: '00f067aa0ba902b7',
      })),
    );
    expect(logged[1]).toMatchObject({ level: 30, reason: 'JOB_NOT_FOUND' });
    expect(logged[1]).not.toHaveProperty('message');
  });

  it('is named anew if its id or its trace is not well formed', async () => {
    const metadata = new Metadata();
    metadata.set('x-request-id', 'a line "of more');
    metadata.set('traceparent', '00-00000000000000000000000000000000-00f067aa0ba902b7-01');
    expect((await call(kind, metadata)).get('x-request-id')).toEqual([expect.stringMatching(UUID)]);
    await countedEnd();
    expect(logged[0]).toMatchObject({ request_id: expect.stringMatching(UUID) });
    expect(logged[0]).not.toHaveProperty('trace_id');
  });

  it('fires its signal when the caller cancels', async () => {
    const begun = hang();
    const leaving = new AbortController();
    const ended = call(kind, new Metadata(), leaving.signal);
    const { signal } = await begun;
    leaving.abort();
    await expect(ended).rejects.toMatchObject({ code: status.CANCELLED });
    expect(await countedEnd()).toEqual([`${method} started`, `${method} CANCELLED`]);
    expect(signal.reason).toMatchObject({ reason: 'CANCELLED' });
  });

  it('fires its signal at the deadline, and the caller gets the reason', async () => {
    const begun = hang();
    // Only the server gets the deadline: a client that knows it ends the call by itself.
    const metadata = new Metadata();
    metadata.set('grpc-timeout', '50m');
    const failure = failureOf(call(kind, metadata));
    expect((await begun).deadlineMs).toBeLessThan(Infinity);
    expect(await failure).toMatchObject({ code: status.DEADLINE_EXCEEDED, reason: 'DEADLINE_EXCEEDED' });
    expect(await countedEnd()).toEqual([`${method} started`, `${method} DEADLINE_EXCEEDED`]);
  });

  it('fires its signal when the server stops, and the caller gets the reason', async () => {
    const begun = hang();
    const failure = failureOf(call(kind));
    await begun;
    stopping.abort(new PrunecastError('SERVER_STOPPING', 'the server is shutting down'));
    expect(await failure).toMatchObject({ code: status.UNAVAILABLE, reason: 'SERVER_STOPPING' });
    expect(await countedEnd()).toEqual([`${method} started`, `${method} UNAVAILABLE`]);
  });

  it('leaves no listener on the signal of the server, however it ends', async () => {
    let most = 0;
    work = async () => {
      most = Math.max(most, countListeners());
      throw new PrunecastError('JOB_NOT_FOUND', 'gone');
    };
    await failureOf(call(kind));
    await countedEnd();
    expect([most, countListeners()]).toEqual([1, 0]);
  });

  it('warns of a fault of the server with the id under which its cause is logged', async () => {
    work = () => Promise.reject(new Error('secret'));
    const { metadata, message } = await failureOf(call(kind));
    await countedEnd();
    const errorId = metadata['error_id'];
    expect(errorId).toMatch(/^error-/);
    expect(logged).toMatchObject([
      { level: 50, method, error_id: errorId, err: { message: 'secret' } },
      { level: 40, method, error_id: errorId, code: 'INTERNAL', reason: 'INTERNAL', message },
    ]);
  });

  it('does not reach its handler if the authenticator refuses it', async () => {
    const seen: (readonly string[])[] = [];
    const callers: string[] = [];
    work = async ({ caller }) => {
      callers.push(caller);
    };
    authenticate = async (origin) => {
      const tokens = origin.header('authorization');
      seen.push([origin.method, ...tokens, origin.peer.replace(/\d+$/, '')]);
      if (tokens[0] !== 'Bearer good')
        throw new PrunecastError('UNAUTHENTICATED', 'the call has no known token in its authorization header');
      return { name: 'worker' };
    };
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer bad');
    expect(await failureOf(call(kind, metadata))).toMatchObject({
      code: status.UNAUTHENTICATED,
      reason: 'UNAUTHENTICATED',
    });
    expect(callers).toEqual([]);
    metadata.set('authorization', 'Bearer good');
    await call(kind, metadata);
    expect(callers).toEqual(['worker']);
    expect(seen).toEqual([
      [method, 'Bearer bad', '127.0.0.1:'],
      [method, 'Bearer good', '127.0.0.1:'],
    ]);
  });
});

it('a unary call whose handler ignores the signal still ends at the deadline, with the reason', async () => {
  work = () => new Promise(() => undefined);
  const metadata = new Metadata();
  metadata.set('grpc-timeout', '50m');
  expect(await failureOf(call('unary', metadata))).toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    reason: 'DEADLINE_EXCEEDED',
  });
});
