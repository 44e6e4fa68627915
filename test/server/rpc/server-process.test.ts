import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient, type TlsOptions } from '../../../src/client/index.js';
import { CatalogServiceClient } from '../../../src/gen/prunecast/v1/catalog.js';
import { VERSION } from '../../../src/server/config/version.js';
import { makeSelfSigned } from '../../support/self-signed.js';
import { startSpanCollector } from '../../support/span-collector.js';
import { ask, makeFolder, startTestServer } from '../../support/test-server.js';

const root = resolve(import.meta.dirname, '../../..');
const run = promisify(execFile);
const buf = (...args: string[]) =>
  run(
    process.execPath,
    [
      join(root, 'node_modules/@bufbuild/buf/bin/buf'),
      'curl',
      '--protocol',
      'grpc',
      '--http2-prior-knowledge',
      ...args,
    ],
    { timeout: 30_000 },
  );

let folder = '';
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Process {
  readonly ready: { readonly address: string; readonly addresses: readonly string[]; readonly dashboard?: string };
  /** Sends a signal and waits; the exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals | 'stdin'): Promise<number | string>;
}

/** The compiled server as a process of its own. Rejects with its standard error when it ends before it is ready. */
async function startProcess(environment: Record<string, string>): Promise<Process> {
  const child = spawn(process.execPath, [join(root, 'dist/src/server/main.js')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_OUTPUT_ROOT: join(folder, 'out'),
      PRUNECAST_LOG_LEVEL: 'warn',
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line') as Promise<[string]>,
    closed.then(() => Promise.reject(new Error(log))),
  ]);
  return {
    ready: JSON.parse(line[0]) as Process['ready'],
    end: async (signal) => {
      if (signal === 'stdin') child.stdin.end();
      else child.kill(signal);
      const [code, ended] = await closed;
      return code ?? ended ?? '';
    },
  };
}

describe('the server process', () => {
  it('says on standard output where it listens, keeps its socket to its user and group, and removes it when it is asked to stop', async () => {
    const socket = join(folder, 's.sock');
    const server = await startProcess({ PRUNECAST_LISTEN: `127.0.0.1:0,unix:${socket}` });
    expect(server.ready.addresses).toEqual([expect.stringMatching(/^127\.0\.0\.1:[1-9]\d+$/), `unix:${socket}`]);
    expect(server.ready.address).toBe(server.ready.addresses[0]);
    expect((await stat(socket)).mode & 0o777).toBe(0o660);
    expect(await server.end('SIGTERM')).toBe(0);
    await expect(stat(socket)).rejects.toThrow('ENOENT');
  });

  it('starts again after a kill, over its stale socket, and refuses a socket that a live server has', async () => {
    const environment = { PRUNECAST_LISTEN: `unix:${join(folder, 's.sock')}` };
    expect(await (await startProcess(environment)).end('SIGKILL')).toBe('SIGKILL');
    expect((await stat(join(folder, 's.sock'))).isSocket()).toBe(true);
    const server = await startProcess(environment);
    await expect(startProcess({ ...environment, PRUNECAST_STATE_DIRECTORY: join(folder, 'other') })).rejects.toThrow(
      'another server listens there',
    );
    await expect(startProcess({ PRUNECAST_LISTEN: '127.0.0.1:0' })).rejects.toThrow(
      'another server uses the state folder',
    );
    expect(await server.end('SIGTERM')).toBe(0);
  });

  it('leaves a file alone that lies where its socket should be', async () => {
    const path = join(folder, 'precious.txt');
    await writeFile(path, 'text');
    await expect(startProcess({ PRUNECAST_LISTEN: `unix:${path}` })).rejects.toThrow('is not a socket');
    expect((await stat(path)).size).toBe(4);
  });

  it('ends with the parent that holds its standard input, once its last spans are exported', async () => {
    await using collector = await startSpanCollector();
    const server = await startProcess({
      PRUNECAST_LISTEN: '127.0.0.1:0',
      PRUNECAST_EXIT_ON_STDIN_END: 'true',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    });
    const client = createClient({ address: server.ready.address });
    await client.services.jobs.listJobs({});
    client.close();
    expect(await server.end('stdin')).toBe(0);
    expect(collector.spans.map(({ name }) => name)).toEqual(['prunecast.v1.JobService/ListJobs']);
    expect(collector.resource).toMatchObject({ 'service.name': 'prunecast', 'service.version': VERSION });
  });

  it('listens on its private socket alone if a command starts it, whatever the environment says', async () => {
    const { key, certificate } = makeSelfSigned();
    await writeFile(join(folder, 'key.pem'), key);
    await writeFile(join(folder, 'certificate.pem'), certificate);
    const reach = {
      PRUNECAST_LISTEN: '127.0.0.1:0',
      PRUNECAST_DASHBOARD: '127.0.0.1:0',
      PRUNECAST_DASHBOARD_HOSTS: 'prune.example',
      PRUNECAST_TLS_KEY: join(folder, 'key.pem'),
      PRUNECAST_TLS_CERTIFICATE: join(folder, 'certificate.pem'),
    };
    const served = await startProcess(reach);
    expect(served.ready.dashboard).toMatch(/^http:/);
    await served.end('SIGTERM');
    const server = await startProcess({ ...reach, PRUNECAST_STARTED_BY_COMMAND: 'true' });
    const address = `unix:${join(folder, 'state/server.sock')}`;
    expect(server.ready).toEqual({ address, addresses: [address] });
    const client = new CatalogServiceClient(address, credentials.createInsecure());
    const { plugins } = await ask(client, client.listPlugins, { kind: 4 });
    expect(plugins.length).toBeGreaterThan(2);
    client.close();
    expect(await server.end('stdin')).toBe(0);
  });

  it('names each bad setting and ends', async () => {
    await expect(startProcess({ PRUNECAST_THREADS: 'many', PRUNECAST_LISTEN: 'nowhere' })).rejects.toThrow(
      /threads \(PRUNECAST_THREADS\)[^]*listen \(PRUNECAST_LISTEN\)|listen \(PRUNECAST_LISTEN\)[^]*threads \(PRUNECAST_THREADS\)/,
    );
  });
});

describe('reflection', () => {
  it('lets buf curl call a method and list all of them without a proto file', async () => {
    await using server = await startTestServer({ config: { listen: ['127.0.0.1:0'], concurrentJobs: 3 } });
    const { stdout: information } = await buf(`http://${server.address}/prunecast.v1.CatalogService/GetServerInfo`);
    expect(JSON.parse(information)).toMatchObject({
      apiVersion: 'prunecast.v1',
      maxMessageBytes: '4194304',
      concurrentJobs: 3,
      nodeVersion: process.versions.node,
    });
    const { stdout: methods } = await buf('--list-methods', `http://${server.address}`);
    expect(methods.split('\n')).toEqual(
      expect.arrayContaining([
        'prunecast.v1.PruningService/Search',
        'prunecast.v1.PairService/ImportPairs',
        'grpc.health.v1.Health/Check',
      ]),
    );
    const failure = await buf(
      '-d',
      '{"job_id": "job-0"}',
      `http://${server.address}/prunecast.v1.JobService/WatchJob`,
    ).then(
      () => '',
      ({ stderr }: { stderr: string }) => stderr,
    );
    expect(failure).toMatch(/"code": "not_found"[^]*google\.rpc\.ErrorInfo/);
  });
});

describe('an address with TLS', () => {
  it('is refused when only one of certificate and key is configured', async () => {
    await expect(startProcess({ PRUNECAST_TLS_KEY: '/key.pem' })).rejects.toThrow(
      'tlsCertificate and tlsKey go together',
    );
  });

  it('shakes hands with a client that trusts its certificate, and with no other', async () => {
    const { key, certificate } = makeSelfSigned();
    await writeFile(join(folder, 'key.pem'), key);
    await writeFile(join(folder, 'certificate.pem'), certificate);
    await using server = await startTestServer({
      config: {
        listen: ['127.0.0.1:0'],
        tlsKey: join(folder, 'key.pem'),
        tlsCertificate: join(folder, 'certificate.pem'),
      },
    });
    const list = async (tls?: TlsOptions | true): Promise<unknown> => {
      const address = server.address.replace('127.0.0.1', 'localhost');
      const client = createClient({ address, ...(tls !== undefined && { tls }) });
      try {
        return await client.services.catalog.listPlugins({});
      } finally {
        client.close();
      }
    };
    expect(await list({ authorities: certificate })).toMatchObject({ plugins: expect.any(Array) });
    const { certificate: other } = makeSelfSigned();
    for (const tls of [{ authorities: other }, true, undefined] as const)
      await expect(list(tls)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('CatalogService', () => {
  it('lists the plug-ins of one kind with the JSON Schema of what a caller may send', async () => {
    await using server = await startTestServer();
    const client = new CatalogServiceClient(server.address, credentials.createInsecure());
    const { plugins } = await ask(client, client.listPlugins, { kind: 4 });
    expect(plugins.length).toBeGreaterThan(2);
    expect(new Set(plugins.map(({ kind }) => kind))).toEqual(new Set([4]));
    const xgboost = plugins.find(({ id }) => id === 'xgboost');
    expect(xgboost).toMatchObject({
      runsIn: 'worker',
      version: '1',
      optionsSchema: { type: 'object', additionalProperties: false, properties: { depth: { type: 'integer' } } },
    });
    // Defaults make every field optional in what is sent.
    expect(xgboost?.optionsSchema).not.toHaveProperty('required');
    client.close();
  });
});
