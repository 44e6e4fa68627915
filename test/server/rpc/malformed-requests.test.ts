import { connect, type IncomingHttpHeaders } from 'node:http2';
import { createConnection } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Status } from '../../../src/gen/google/rpc/status.js';
import { InspectModelRequest } from '../../../src/gen/prunecast/v1/model.js';
import { SearchRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import { ask, failureOf, startTestServer, unpack, type TestServer } from '../../support/test-server.js';

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = new Client(server.address, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

const asIs = (bytes: Buffer): Buffer => bytes;

/** Sends bytes as they are, as the only request of any kind of method; settles as the call does. */
function send(path: string, bytes: Uint8Array, kind: 'unary' | 'server' | 'client' | 'both'): Promise<unknown> {
  const message = Buffer.from(bytes);
  return new Promise((resolve, reject) => {
    const settle = (error: unknown) => (error ? reject(error as Error) : resolve(undefined));
    if (kind === 'unary') client.makeUnaryRequest(path, asIs, asIs, message, new Metadata(), {}, settle);
    else if (kind === 'client')
      client.makeClientStreamRequest(path, asIs, asIs, new Metadata(), {}, settle).end(message);
    else if (kind === 'server')
      client.makeServerStreamRequest(path, asIs, asIs, message).on('error', reject).on('end', resolve).resume();
    else client.makeBidiStreamRequest(path, asIs, asIs).on('error', reject).on('end', resolve).resume().end(message);
  });
}

/** Calls with `count` headers of `length` characters. */
function askWith(count: number, length: number): Promise<unknown> {
  const metadata = new Metadata();
  for (let index = 0; index < count; index += 1) metadata.add(`x-${index}`, 'v'.repeat(length));
  const path = '/prunecast.v1.CatalogService/GetServerInfo';
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), metadata, {}, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

describe('a server', () => {
  it.each([
    ['a unary method', '/prunecast.v1.ModelService/InspectModel', 'unary'],
    ['a stream of answers', '/prunecast.v1.PruningService/Evaluate', 'server'],
    ['a stream of requests', '/prunecast.v1.PairService/ImportPairs', 'client'],
    ['streams both ways', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', 'both'],
    ['reflection of older tools', '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', 'both'],
    ['health', '/grpc.health.v1.Health/Check', 'unary'],
  ] as const)(
    'answers bytes that are no request with INVALID_ARGUMENT and the method, not with INTERNAL: %s',
    async (_, path, kind) => {
      expect(await failureOf(send(path, Uint8Array.of(0x0a, 0x7f, 1), kind))).toMatchObject({
        code: status.INVALID_ARGUMENT,
        reason: 'MESSAGE_MALFORMED',
        domain: 'prunecast',
        metadata: { method: path.slice(1) },
      });
    },
  );

  it('names the field that is out of bounds, before it looks for the model', async () => {
    const request = InspectModelRequest.encode(
      InspectModelRequest.fromPartial({ model: 'none', space: { rateStep: 1e-9 } }),
    ).finish();
    expect(await failureOf(send('/prunecast.v1.ModelService/InspectModel', request, 'unary'))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: 'SPACE_INVALID',
      violations: [{ field: 'space.rate_step', description: 'is 1e-9; allowed is 0.0001 to 1' }],
    });
  });

  it('refuses a request id of 600 kB, so that it starts no job that fills a page of ListJobs', async () => {
    const request = SearchRequest.encode(
      SearchRequest.fromPartial({ requestId: 'x'.repeat(600_000), model: 'none' }),
    ).finish();
    expect(await failureOf(send('/prunecast.v1.PruningService/Search', request, 'server'))).toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'request_id', description: 'has 600,000 characters; at most 128 are allowed' }],
    });
    expect(
      await ask(server.jobs, server.jobs.listJobs, {
        kind: 0,
        state: 0,
        pageSize: 0,
        pageToken: '',
        labels: {},
        view: 0,
      }),
    ).toEqual({
      jobs: [],
      nextPageToken: '',
    });
  });

  it('answers a message over 4 MiB with REQUEST_TOO_LARGE, and works on', async () => {
    expect(
      await failureOf(send('/prunecast.v1.ModelService/InspectModel', new Uint8Array(2 ** 22 + 1), 'unary')),
    ).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: 'REQUEST_TOO_LARGE',
      domain: 'prunecast',
      metadata: { method: 'prunecast.v1.ModelService/InspectModel', most: '4194304' },
    });
    expect(await ask(server.catalog, server.catalog.listPlugins, { kind: 0 })).toMatchObject({
      plugins: expect.any(Array),
    });
  });

  it('takes metadata of 16 KiB, refuses more before anything is done, and works on', async () => {
    for (const [count, length] of [
      [1, 20_000],
      [100, 200],
    ] as const)
      expect(await failureOf(askWith(count, length))).toMatchObject({
        code: status.RESOURCE_EXHAUSTED,
        reason: 'REQUEST_TOO_LARGE',
        metadata: { most: '16384' },
      });
    expect(await askWith(1, 16_000)).toBeInstanceOf(Buffer);
    // Beyond what HTTP/2 takes at all, the library ends the call; the connection works on.
    await expect(askWith(1000, 1)).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(await askWith(1, 1)).toBeInstanceOf(Buffer);
  });

  it.each([
    ['a method', '/prunecast.v1.JobService/Nothing'],
    ['a service', '/prunecast.v2.JobService/GetJob'],
  ])('answers %s that it does not have with UNIMPLEMENTED and the name', async (_, path) => {
    for (const kind of ['unary', 'server', 'client', 'both'] as const)
      expect(await failureOf(send(path, Uint8Array.of(), kind))).toMatchObject({
        code: status.UNIMPLEMENTED,
        reason: 'NOT_IMPLEMENTED',
        metadata: { method: path.slice(1) },
      });
  });
});

describe.each([
  ['a unary method', '/prunecast.v1.ModelService/InspectModel'],
  ['a stream of answers', '/prunecast.v1.PruningService/Evaluate'],
  ['a stream of requests', '/prunecast.v1.PairService/ImportPairs'],
  ['streams both ways', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'],
])('frames that no client library sends, to %s', (_, path) => {
  const COMPRESSED = 1;
  const gzip = { 'grpc-encoding': 'gzip' };

  it.each([
    ['that cannot be decompressed', gzip, frame(Buffer.from('garbage'), COMPRESSED), 'MESSAGE_MALFORMED', 3],
    [
      'that decompress to no request',
      gzip,
      frame(gzipSync(Uint8Array.of(0x0a, 0x7f)), COMPRESSED),
      'MESSAGE_MALFORMED',
      3,
    ],
    [
      'that decompress to over 4 MiB',
      gzip,
      frame(gzipSync(Buffer.alloc(2 ** 22 + 1)), COMPRESSED),
      'REQUEST_TOO_LARGE',
      8,
    ],
    ['that announce over 4 MiB', {}, frame(Buffer.alloc(1)).fill(0xff, 1, 5), 'REQUEST_TOO_LARGE', 8],
    [
      'of an unknown compression',
      { 'grpc-encoding': 'snappy' },
      frame(Buffer.alloc(3), COMPRESSED),
      'NOT_IMPLEMENTED',
      12,
    ],
    ['after a deadline that is none', { 'grpc-timeout': 'soon' }, frame(Buffer.alloc(0)), 'INVALID_REQUEST', 3],
  ] as const)('%s are answered with a reason', async (__, headers, bytes, reason, code) => {
    expect(await callRaw(path, headers, bytes)).toMatchObject({ code, reason, domain: 'prunecast' });
  });
});

it.each([
  ['no request', Buffer.alloc(0)],
  ['two requests', Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.alloc(0))])],
])('a unary call with %s is answered with a reason', async (_, bytes) => {
  expect(await callRaw('/prunecast.v1.JobService/GetJob', {}, bytes)).toMatchObject({
    code: status.UNIMPLEMENTED,
    reason: 'NOT_IMPLEMENTED',
  });
});

it('a stream that has answers already ends with a reason when a later request cannot be decompressed', async () => {
  const requests = Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.from('garbage'), 1)]);
  const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  expect(await callRaw(path, { 'grpc-encoding': 'gzip' }, requests)).toMatchObject({
    code: status.INVALID_ARGUMENT,
    reason: 'MESSAGE_MALFORMED',
  });
});

it('a call without any request ends at its deadline, with a reason', async () => {
  const timeout = { 'grpc-timeout': '50m' };
  expect(await callRaw('/prunecast.v1.JobService/GetJob', timeout, undefined)).toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    reason: 'DEADLINE_EXCEEDED',
  });
});

/** A message as gRPC frames it. */
function frame(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Makes a call by hand; what it failed with. The caller stays silent, its stream open, if `bytes` is undefined. */
async function callRaw(path: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array | undefined) {
  const session = connect('http://localhost', {
    createConnection: () => createConnection(server.address.slice('unix:'.length)),
  });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const answered = new Promise<IncomingHttpHeaders>((resolve, reject) => {
      const take = (received: IncomingHttpHeaders): void => {
        if (received['grpc-status'] !== undefined) resolve(received);
      };
      stream.on('response', take).on('trailers', take).on('error', reject).resume();
    });
    if (bytes !== undefined) stream.end(bytes);
    const { 'grpc-status-details-bin': details } = await answered;
    if (typeof details !== 'string') throw new Error('the failure has no details');
    return unpack(Status.decode(Buffer.from(details, 'base64')));
  } finally {
    session.destroy();
  }
}
