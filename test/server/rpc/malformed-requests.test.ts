import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InspectModelRequest } from '../../../src/gen/prunecast/v1/model.js';
import { SearchRequest } from '../../../src/gen/prunecast/v1/pruning.js';
import { ask, failureOf, startTestServer, type TestServer } from '../../support/test-server.js';

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
    expect(await ask(server.jobs, server.jobs.listJobs, { kind: 0, state: 0, pageSize: 0, pageToken: '' })).toEqual({
      jobs: [],
      nextPageToken: '',
    });
  });

  it('answers a message over 4 MiB with RESOURCE_EXHAUSTED and goes on', async () => {
    const error: unknown = await send(
      '/prunecast.v1.ModelService/InspectModel',
      new Uint8Array(2 ** 22 + 1),
      'unary',
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(await ask(server.catalog, server.catalog.listPlugins, { kind: 0 })).toMatchObject({
      plugins: expect.any(Array),
    });
  });
});
