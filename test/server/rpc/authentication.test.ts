import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HealthClient } from '../../../src/gen/grpc/health/v1/health.js';
import { readTokens } from '../../../src/server/authentication/read-tokens.js';
import { apiRegistry } from '../../../src/server/requests/api-registry.js';
import { allows, METHOD_SCOPES } from '../../../src/server/rpc/method-scopes.js';
import { defineService } from '../../../src/server/rpc/rpc-service.js';
import { JobServiceClient, JobServiceService } from '../../../src/gen/prunecast/v1/job.js';
import { ContainerModule } from 'inversify';
import { PARTS } from '../../../src/server/parts.js';
import { startSourceServer } from '../../support/source-server.js';
import { ask, failureOf, makeFolder } from '../../support/test-server.js';

let folder: string;
let tokensFile: string;
let callers: string[];

beforeEach(async () => {
  folder = await makeFolder();
  tokensFile = join(folder, 'tokens.yaml');
  callers = [];
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const hash = (token: string): string => createHash('sha256').update(token).digest('hex');

function write(entries: Readonly<Record<string, { readonly token: string; readonly scope: string }>>): Promise<void> {
  const tokens = Object.entries(entries).map(([name, { token, scope }]) => ({
    name,
    scopes: [scope],
    sha256: hash(token),
  }));
  return writeFile(tokensFile, JSON.stringify({ tokens }));
}

async function note(_request: unknown, { caller }: { readonly caller: string }): Promise<never> {
  callers.push(caller);
  return {} as never;
}

/** A server whose methods note who has called them. */
function serve(additions: Parameters<typeof startSourceServer>[0] = {}) {
  const jobs = defineService(JobServiceService, { getJob: note, cancelJob: note, deleteJob: note });
  return startSourceServer({
    modules: [new ContainerModule(({ bind }) => void bind(PARTS.rpcService).toConstantValue(jobs))],
    ...additions,
    config: { tokensFile, ...additions.config },
  });
}

function callWith(client: JobServiceClient, method: 'getJob' | 'cancelJob' | 'deleteJob', authorization?: string) {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  return new Promise((done, fail) => {
    const settle = (error: ServiceError | null, answer: unknown): void => (error ? fail(error) : done(answer));
    if (method === 'getJob') client.getJob({ jobId: 'a', view: 0 }, metadata, settle);
    else if (method === 'cancelJob') client.cancelJob({ jobId: 'a' }, metadata, settle);
    else client.deleteJob({ jobId: 'a' }, metadata, settle);
  });
}

describe('a server with tokens', () => {
  it('takes a call with a token whose scope is enough, names its caller, and says of others what they lack', async () => {
    await write({
      viewer: { token: 'look', scope: 'read' },
      worker: { token: 'work', scope: 'run' },
      operator: { token: 'rule', scope: 'admin' },
    });
    await using server = await serve();
    for (const authorization of [undefined, 'Bearer wrong', 'Basic look', 'look', 'Bearer ', `Bearer ${hash('look')}`])
      expect(await failureOf(callWith(server.jobs, 'getJob', authorization))).toMatchObject({
        code: status.UNAUTHENTICATED,
        reason: 'UNAUTHENTICATED',
      });
    expect(callers).toEqual([]);
    for (const [token, method] of [
      ['look', 'getJob'],
      ['work', 'getJob'],
      ['work', 'cancelJob'],
      ['rule', 'cancelJob'],
      ['rule', 'deleteJob'],
    ] as const)
      await callWith(server.jobs, method, `Bearer ${token}`);
    expect(callers).toEqual(['viewer', 'worker', 'worker', 'operator', 'operator']);
    for (const [token, method, scope, name] of [
      ['look', 'cancelJob', 'run', 'CancelJob'],
      ['look', 'deleteJob', 'admin', 'DeleteJob'],
      ['work', 'deleteJob', 'admin', 'DeleteJob'],
    ] as const)
      expect(await failureOf(callWith(server.jobs, method, `Bearer ${token}`))).toMatchObject({
        code: status.PERMISSION_DENIED,
        reason: 'SCOPE_MISSING',
        metadata: { scope, method: `prunecast.v1.JobService/${name}` },
      });
    expect(callers).toHaveLength(5);
  });

  it('answers questions about health without one, but not about its methods', async () => {
    await write({ viewer: { token: 'look', scope: 'read' } });
    await using server = await serve();
    const health = new HealthClient(server.address, credentials.createInsecure());
    expect(await ask(health, health.check, { service: '' })).toEqual({ status: 1 });
    health.close();
    const unknown = new JobServiceClient(server.address, credentials.createInsecure());
    const reflect = unknown.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
    );
    const failed = new Promise<ServiceError>((done) => reflect.on('error', done).resume());
    reflect.end();
    expect((await failed).code).toBe(status.UNAUTHENTICATED);
    unknown.close();
  });

  it('asks programs of its own user on their private socket for none', async () => {
    await write({ viewer: { token: 'look', scope: 'read' } });
    const privateSocket = join(folder, 'private.sock');
    await using server = await serve({ privateSocket });
    const own = new JobServiceClient(`unix:${privateSocket}`, credentials.createInsecure());
    await callWith(own, 'deleteJob');
    own.close();
    expect(callers).toEqual(['anonymous']);
    expect(await failureOf(callWith(server.jobs, 'getJob'))).toMatchObject({ reason: 'UNAUTHENTICATED' });
  });

  it('reads the file again when it changes, and keeps the tokens of before if it is no longer valid', async () => {
    const logged: Record<string, unknown>[] = [];
    await write({ worker: { token: 'old', scope: 'run' } });
    await using server = await serve({
      log: pino({}, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) }),
    });
    await callWith(server.jobs, 'getJob', 'Bearer old');
    await writeFile(tokensFile, 'tokens:\n  - name: secret-value');
    await vi.waitFor(() => expect(logged.some(({ level }) => level === 50)).toBe(true), { timeout: 10_000 });
    expect(JSON.stringify(logged)).not.toContain('secret-value');
    await callWith(server.jobs, 'getJob', 'Bearer old');
    // As an editor and a mounted secret do it: another file in its place.
    const kept = tokensFile;
    tokensFile = `${kept}.new`;
    await write({ worker: { token: 'new', scope: 'run' } });
    await rename(tokensFile, kept);
    await vi.waitFor(() => callWith(server.jobs, 'getJob', 'Bearer new'), { timeout: 10_000, interval: 100 });
    expect(await failureOf(callWith(server.jobs, 'getJob', 'Bearer old'))).toMatchObject({ reason: 'UNAUTHENTICATED' });
  });

  it('does not start without its file', async () => {
    await expect(serve()).rejects.toThrow(/tokensFile.*prunecast token new/);
  });

  it('takes what `prunecast token new` has printed', async () => {
    const command = resolve(import.meta.dirname, '../../../dist/src/cli/main.js');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      command,
      'token',
      'new',
      'nightly',
      '--scope',
      'admin',
    ]);
    const token = stdout.trim();
    expect(token).toMatch(/^pct_[\w-]{43}$/);
    expect(stderr).not.toContain(token);
    await writeFile(tokensFile, `tokens:\n${/^ +- .*$/m.exec(stderr)?.[0]}\n`);
    await using server = await serve();
    await callWith(server.jobs, 'deleteJob', `Bearer ${token}`);
    expect(callers).toEqual(['nightly']);
  });
});

describe('a file of tokens', () => {
  const sha256 = hash('t');
  it.each([
    [
      'a name twice',
      { tokens: [1, 2].map(() => ({ name: 'a', scopes: ['run'], sha256 })) },
      /tokens: has a name twice/,
    ],
    [
      'a token in place of its hash',
      { tokens: [{ name: 'a', scopes: ['run'], sha256: 'pct_secret' }] },
      /tokens\.0\.sha256: is not the SHA-256/,
    ],
    [
      'an unknown scope',
      { tokens: [{ name: 'a', scopes: ['write'], sha256 }] },
      /tokens\.0\.scopes\.0: is not one of .*admin/,
    ],
    ['no hash', { tokens: [{ name: 'a', scopes: ['run'] }] }, /tokens\.0\.sha256: has no value/],
    ['no scope', { tokens: [{ name: 'a', scopes: [], sha256 }] }, /tokens\.0\.scopes/],
    ['another key', { tokens: [], users: [] }, /users/],
  ])('may not have %s', (_what, contents, message) => {
    expect(() => readTokens(JSON.stringify(contents))).toThrow(message);
    expect(() => readTokens(JSON.stringify(contents))).not.toThrow(/pct_secret/);
  });
});

describe('the table of scopes', () => {
  it('has every method of the API, of health and of reflection, and no other', () => {
    const services = [...apiRegistry()].filter((type) => type.kind === 'service');
    const methods = services.flatMap(({ typeName, methods }) => methods.map(({ name }) => `${typeName}/${name}`));
    expect(methods.length).toBeGreaterThan(38);
    const own = methods.filter((method) => method.startsWith('prunecast.v1.'));
    expect(
      Object.keys(METHOD_SCOPES)
        .filter((method) => method.startsWith('prunecast.v1.'))
        .sort(),
    ).toEqual(own.sort());
    expect(
      Object.keys(METHOD_SCOPES)
        .filter((method) => !method.startsWith('prunecast.'))
        .sort(),
    ).toEqual([
      'grpc.health.v1.Health/Check',
      'grpc.health.v1.Health/List',
      'grpc.health.v1.Health/Watch',
      'grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      'grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
      'unknown',
    ]);
  });

  it('lets run read, admin do both, and nobody more', () => {
    const scopes = ['read', 'run', 'admin'] as const;
    expect(scopes.map((own) => scopes.filter((needed) => allows([own], needed)))).toEqual([
      ['read'],
      ['read', 'run'],
      ['read', 'run', 'admin'],
    ]);
    expect(allows([], 'none')).toBe(true);
    expect(allows([], 'read')).toBe(false);
  });
});
