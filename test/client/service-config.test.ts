import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { METHODS } from '../../src/client/methods.js';
import type { Method } from '../../src/client/service.js';
import { JobServiceService } from '../../src/gen/prunecast/v1/job.js';
import { listApiMethods } from '../support/api-methods.js';
import { detailedStatus, listen, makeSocket, toServiceError } from './fake-server.js';

/* What clients in other languages are configured with, beside what ours does and what the protos have. */

const ROOT = resolve(import.meta.dirname, '../..');
const TEXT = readFileSync(resolve(ROOT, 'proto/prunecast/v1/service_config.json'), 'utf8');
const CONFIG = JSON.parse(TEXT) as {
  readonly methodConfig: readonly {
    readonly name: readonly { readonly service: string; readonly method: string }[];
    readonly timeout?: string;
    readonly retryPolicy: { readonly maxAttempts: number; readonly retryableStatusCodes: readonly string[] };
  }[];
};
const named = CONFIG.methodConfig.flatMap(({ name }) => name.map(({ service, method }) => `/${service}/${method}`));
const methods = Object.values(METHODS).flatMap((service) =>
  Object.values(service as Record<string, Method<never, unknown, boolean, boolean>>),
);

it('is what the Python client has', () => {
  const copy = readFileSync(resolve(ROOT, 'python/src/prunecast/_proto/service_config.json'), 'utf8');
  expect(copy, 'run python/scripts/generate.py').toBe(TEXT);
});

it('names methods of the protos, each once', () => {
  const existing = listApiMethods();
  expect(existing.length).toBeGreaterThan(30);
  expect(named.filter((path) => !existing.includes(path))).toEqual([]);
  expect(new Set(named).size).toBe(named.length);
});

it('names those that our client repeats whatever the request says, and no others', () => {
  const repeated = methods.filter(({ isRepeatable }) => isRepeatable({} as never)).map(({ path }) => path);
  expect([...named].sort()).toEqual(repeated.sort());
});

it('stands for a client that has every method of the protos', () => {
  expect(methods.map(({ path }) => path).sort()).toEqual([...listApiMethods()].sort());
});

it('leaves RESOURCE_EXHAUSTED alone, whose time only the server knows', () => {
  for (const { retryPolicy } of CONFIG.methodConfig) expect(retryPolicy.retryableStatusCodes).toEqual(['UNAVAILABLE']);
});

it('limits no call that may take long', () => {
  const limited = CONFIG.methodConfig.filter(({ timeout }) => timeout !== undefined).flatMap(({ name }) => name);
  for (const { method } of limited) expect(method).toMatch(/^(?:Get|List|Cancel)(?!StudyReport|Models|Outputs)/);
});

it('makes a client of gRPC repeat what it names', { timeout: 60_000 }, async () => {
  const counts = { getJob: 0, deleteJob: 0 };
  const failOnce =
    (name: keyof typeof counts) =>
    (_: unknown, answer: (error: object | null, value?: object) => void): void => {
      counts[name] += 1;
      if (counts[name] === 1) answer(toServiceError(detailedStatus(14, 'SERVER_STOPPING', 'the server stops')));
      else answer(null, {});
    };
  const { address, remove } = makeSocket();
  const server = await listen(address, [
    [
      JobServiceService,
      {
        getJob: failOnce('getJob'),
        deleteJob: failOnce('deleteJob'),
        listJobs: silent,
        watchJob: silent,
        cancelJob: silent,
        resumeJob: silent,
      },
    ],
  ]);
  const client = new Client(address, credentials.createInsecure(), { 'grpc.service_config': TEXT });
  const call = (name: 'getJob' | 'deleteJob') =>
    new Promise<number>((done) =>
      client.makeUnaryRequest(
        JobServiceService[name].path,
        (bytes: Buffer) => bytes,
        (bytes) => bytes,
        Buffer.alloc(0),
        (error: ServiceError | null) => done(error?.code ?? 0),
      ),
    );
  try {
    expect([await call('getJob'), await call('deleteJob')]).toEqual([0, 14]);
    expect(counts).toEqual({ getJob: 2, deleteJob: 1 });
  } finally {
    client.close();
    server.forceShutdown();
    remove();
  }
});

function silent(): void {}
