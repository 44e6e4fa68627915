import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentials, status, type ChannelCredentials } from '@grpc/grpc-js';
import { ContainerModule } from 'inversify';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { JobServiceClient, JobServiceService } from '../../../src/gen/prunecast/v1/job.js';
import type { ConfigOptions } from '../../../src/server/config/config.js';
import { PARTS } from '../../../src/server/parts.js';
import { defineService } from '../../../src/server/rpc/rpc-service.js';
import { makeSelfSigned, type KeyPair } from '../../support/self-signed.js';
import { startSourceServer } from '../../support/source-server.js';
import { ask, makeFolder } from '../../support/test-server.js';

let folder: string;
let callers: string[];
let logged: Record<string, unknown>[];
const authority = makeSelfSigned({ isAuthority: true });
const other = makeSelfSigned({ isAuthority: true });
const ofServer = makeSelfSigned({ authority });

beforeEach(async () => {
  folder = await makeFolder();
  callers = [];
  logged = [];
  await writeKeys(ofServer);
  await writeFile(join(folder, 'authorities.pem'), authority.certificate);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function writeKeys({ key, certificate }: KeyPair): Promise<void> {
  await writeFile(join(folder, 'certificate.pem'), certificate);
  await writeFile(join(folder, 'key.pem'), key);
}

function serve(config: ConfigOptions = {}) {
  const jobs = defineService(JobServiceService, {
    getJob: (_request, { caller }) => {
      callers.push(caller);
      return { job: undefined };
    },
  });
  return startSourceServer({
    modules: [new ContainerModule(({ bind }) => void bind(PARTS.rpcService).toConstantValue(jobs))],
    log: pino({}, { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) }),
    config: {
      listen: ['127.0.0.1:0'],
      tlsCertificate: join(folder, 'certificate.pem'),
      tlsKey: join(folder, 'key.pem'),
      ...config,
    },
  });
}

const MUTUAL = (): ConfigOptions => ({ tlsClientAuthorities: join(folder, 'authorities.pem') });

const trust = (from: KeyPair, own?: KeyPair): ChannelCredentials =>
  credentials.createSsl(
    Buffer.from(from.certificate),
    own && Buffer.from(own.key),
    own && Buffer.from(own.certificate),
  );

function open(address: string, how: ChannelCredentials): JobServiceClient {
  // A pool of its own: one connection for one client.
  return new JobServiceClient(address.replace('127.0.0.1', 'localhost'), how, {
    'grpc.use_local_subchannel_pool': 1,
  });
}

async function call(address: string, how: ChannelCredentials): Promise<string> {
  const client = open(address, how);
  try {
    await ask(client, client.getJob, { jobId: 'a', view: 0 });
    return 'OK';
  } catch (error) {
    return status[(error as { code: number }).code] ?? '';
  } finally {
    client.close();
  }
}

describe('mutual TLS', () => {
  it('names a caller by its certificate, and refuses one without, of another authority, or expired', async () => {
    await using server = await serve(MUTUAL());
    const worker = makeSelfSigned({ commonName: 'worker-1', authority });
    expect(await call(server.address, trust(authority, worker))).toBe('OK');
    expect(callers).toEqual(['worker-1']);
    for (const bad of [
      undefined,
      makeSelfSigned({ commonName: 'worker-1', authority: other }),
      makeSelfSigned({ commonName: 'worker-1' }),
      makeSelfSigned({ commonName: 'worker-1', authority, validToMs: Date.now() - 60_000 }),
    ])
      expect(await call(server.address, trust(authority, bad))).toBe('UNAVAILABLE');
    expect(await call(server.address, credentials.createInsecure())).toBe('UNAVAILABLE');
    expect(callers).toEqual(['worker-1']);
  });

  it('does not start with authorities that are none', async () => {
    await writeFile(join(folder, 'authorities.pem'), 'nothing');
    await expect(serve(MUTUAL())).rejects.toThrow(/tlsClientAuthorities cannot be used/);
  });
});

describe('a certificate of the server', () => {
  it('that has expired is refused by clients, and the log says why', async () => {
    await writeKeys(makeSelfSigned({ authority, validToMs: Date.now() - 60_000 }));
    await using server = await serve();
    expect(await call(server.address, trust(authority))).toBe('UNAVAILABLE');
    expect(logged).toContainEqual(
      expect.objectContaining({ level: 40, msg: expect.stringContaining('has expired') as string }),
    );
  });

  it('that is renewed is shown to new connections, and open ones stay', async () => {
    await using server = await serve(MUTUAL());
    const worker = makeSelfSigned({ commonName: 'worker-1', authority });
    const before = open(server.address, trust(authority, worker));
    try {
      await ask(before, before.getJob, { jobId: 'a', view: 0 });
      // Half of it: a certificate that does not fit its key changes nothing.
      const renewed = makeSelfSigned({ authority: other });
      await writeFile(join(folder, 'certificate.pem'), renewed.certificate);
      await vi.waitFor(() => expect(logged.some(({ level }) => level === 50)).toBe(true), { timeout: 10_000 });
      expect(await call(server.address, trust(authority, worker))).toBe('OK');
      await writeKeys(renewed);
      await writeFile(join(folder, 'authorities.pem'), other.certificate);
      const successor = makeSelfSigned({ commonName: 'worker-2', authority: other });
      await vi.waitFor(async () => expect(await call(server.address, trust(other, successor))).toBe('OK'), {
        timeout: 10_000,
        interval: 200,
      });
      // The authorities of before count no more, but for the connection that they have let in.
      expect(await call(server.address, trust(authority, worker))).toBe('UNAVAILABLE');
      expect(await call(server.address, trust(other, worker))).toBe('UNAVAILABLE');
      await ask(before, before.getJob, { jobId: 'a', view: 0 });
      expect(callers).toEqual(['worker-1', 'worker-1', 'worker-2', 'worker-1']);
    } finally {
      before.close();
    }
  });

  it('that does not fit its key keeps the server from starting', async () => {
    await writeFile(join(folder, 'key.pem'), makeSelfSigned().key);
    await expect(serve()).rejects.toThrow(/tlsCertificate and tlsKey cannot be used/);
  });
});
