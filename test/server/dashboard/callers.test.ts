import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { ContainerModule } from 'inversify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { JobServiceService } from '../../../src/gen/prunecast/v1/job.js';
import { PARTS } from '../../../src/server/parts.js';
import { defineService } from '../../../src/server/rpc/rpc-service.js';
import type { ConfigOptions } from '../../../src/server/config/config.js';
import { makeSelfSigned, type KeyPair } from '../../support/self-signed.js';
import { makeFolder, startTestServer } from '../../support/test-server.js';

let folder: string;
let callers: string[];

beforeEach(async () => {
  folder = await makeFolder();
  callers = [];
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A server with a dashboard, whose calls note who has made them. */
function serve(config: ConfigOptions) {
  const jobs = defineService(JobServiceService, {
    getJob: (_request, { caller }) => {
      callers.push(caller);
      return { job: undefined };
    },
  });
  return startTestServer({
    modules: [new ContainerModule(({ bind }) => void bind(PARTS.rpcService).toConstantValue(jobs))],
    config: { dashboard: '127.0.0.1:0', ...config },
  });
}

it('the dashboard of a server with tokens needs one whose scope is enough', async () => {
  const tokensFile = join(folder, 'tokens.json');
  const sha256 = createHash('sha256').update('look').digest('hex');
  await writeFile(tokensFile, JSON.stringify({ tokens: [{ name: 'viewer', scopes: ['read'], sha256 }] }));
  await using server = await serve({ tokensFile });
  const ask = async (path: string, init: RequestInit = {}): Promise<[number, string]> => {
    const response = await fetch(new URL(path, server.dashboard), init);
    const { error } = (await response.json()) as { error?: { reason: string } };
    return [response.status, error?.reason ?? ''];
  };
  const headers = { authorization: 'Bearer look', 'x-prunecast-request': '1' };
  expect(await ask('/api/jobs/a')).toEqual([401, 'UNAUTHENTICATED']);
  expect(await ask('/api/jobs/a', { headers: { authorization: 'Bearer wrong' } })).toEqual([401, 'UNAUTHENTICATED']);
  expect(callers).toEqual([]);
  expect(await ask('/api/jobs/a', { headers })).toEqual([200, '']);
  expect(callers).toEqual(['viewer']);
  expect(await ask('/api/jobs/a/cancel', { method: 'POST', headers })).toEqual([403, 'SCOPE_MISSING']);
});

it('the dashboard of a server with authorities of clients needs their certificate, on loopback too, and names its caller', async () => {
  const authority = makeSelfSigned({ isAuthority: true });
  const own = makeSelfSigned({ authority });
  const files = {
    tlsCertificate: join(folder, 'certificate.pem'),
    tlsKey: join(folder, 'key.pem'),
    tlsClientAuthorities: join(folder, 'authorities.pem'),
  };
  await writeFile(files.tlsCertificate, own.certificate);
  await writeFile(files.tlsKey, own.key);
  await writeFile(files.tlsClientAuthorities, authority.certificate);
  await using server = await serve(files);
  expect(server.dashboard).toMatch(/^https:/);
  const ask = (pair?: KeyPair): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request(
        new URL('/api/jobs/a', server.dashboard),
        { agent: false, ca: authority.certificate, ...(pair && { key: pair.key, cert: pair.certificate }) },
        (response) => resolve(response.resume().statusCode),
      )
        .on('error', reject)
        .end();
    });
  expect(await ask(makeSelfSigned({ commonName: 'browser', authority }))).toBe(200);
  expect(callers).toEqual(['browser']);
  await expect(ask()).rejects.toThrow(/ECONNRESET|socket hang up|alert/);
  await expect(ask(makeSelfSigned({ commonName: 'browser' }))).rejects.toThrow(/ECONNRESET|socket hang up|alert/);
  expect(callers).toEqual(['browser']);
});
