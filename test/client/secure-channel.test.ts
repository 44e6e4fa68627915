import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Server, ServerCredentials, type Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient, type ClientOptions } from '../../src/client/index.js';
import { CatalogServiceService } from '../../src/gen/prunecast/v1/catalog.js';
import { makeSelfSigned } from '../support/self-signed.js';
import { makeFolder } from '../support/test-server.js';
import { makeSocket } from './fake-server.js';

let folder = '';
const ends: (() => void)[] = [];
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) end();
  await rm(folder, { recursive: true, force: true });
});

describe('a token', () => {
  it('is refused where it would go to another machine unencrypted, however it is given', () => {
    for (const secret of [
      { token: 'secret' },
      { tokenFile: '/run/token' },
      { headers: { Authorization: 'Basic eA==' } },
    ])
      for (const address of [
        '10.0.0.7:50051',
        'prunecast.example.com:50051',
        'dns:///prunecast:50051',
        '127.0.0.1.example.com:1',
      ])
        expect(() => createClient({ address, ...secret })).toThrow(
          expect.objectContaining({
            code: 'INVALID_ARGUMENT',
            message: expect.stringContaining(`to ${address} unencrypted`),
          }),
        );
  });

  it('is taken for this machine, over TLS, and where the caller says that the network is safe', () => {
    const address = 'prunecast.example.com:50051';
    const allowed: ClientOptions[] = [
      ...['127.0.0.1:1', 'localhost:1', '[::1]:1', 'ipv4:127.0.0.1:1', 'dns:localhost:1', 'unix:/run/s'].map(
        (local) => ({
          address: local,
        }),
      ),
      { address, tls: true },
      { address, insecure: true },
    ];
    for (const options of allowed) createClient({ ...options, token: 'secret' }).close();
    expect(allowed).toHaveLength(8);
  });

  it('in a file is read again for each call', async () => {
    const [seen, tokenFile] = [[] as unknown[], join(folder, 'token')];
    const client = createClient({ address: await serveHeaders(seen), tokenFile });
    ends.push(client.close);
    for (const token of ['one\n', ' two ']) {
      await writeFile(tokenFile, token);
      await client.services.catalog.listPlugins({});
    }
    expect(seen).toEqual([['Bearer one'], ['Bearer two']]);
    await rm(tokenFile);
    await expect(client.services.catalog.listPlugins({})).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: `the token file ${tokenFile} cannot be read (ENOENT)`,
    });
  });

  it.each(['', 'two words', 'with\nline', 'schlüssel', 'x'.repeat(8193)])('is one word: %j is none', async (token) => {
    expect(() => createClient({ address: 'unix:/s', token })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.not.stringContaining(token || '""') }),
    );
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, token);
    const client = createClient({ address: 'unix:/s', tokenFile });
    ends.push(client.close);
    await expect(client.services.catalog.listPlugins({})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('is given once', () => {
    expect(() => createClient({ address: 'unix:/s', token: 'a', tokenFile: '/b' })).toThrow(
      'give `token` or `tokenFile`, not both',
    );
  });
});

describe('TLS', () => {
  it('refuses half a pair, a path in place of PEM, and PEM that is none', () => {
    const { certificate, key } = makeSelfSigned();
    const address = 'host:1';
    expect(() => createClient({ address: 'unix:/s', tls: true })).toThrow('never encrypted: leave out `tls`');
    expect(() => createClient({ address, tls: { certificate } })).toThrow(
      '`tls.certificate` and `tls.key` go together',
    );
    expect(() => createClient({ address, tls: { authorities: '/etc/ca.pem' } })).toThrow(
      '`tls.authorities` is no PEM: give what the file has, as text or bytes, not its path',
    );
    expect(() =>
      createClient({ address, tls: { certificate, key: key.replaceAll(/[A-Za-z]{8}/g, '!!!!!!!!') } }),
    ).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('a server that asks for certificates', () => {
  it('knows a client by its own, and is known by its name', async () => {
    const [server, client, stranger] = [makeSelfSigned(), makeSelfSigned(), makeSelfSigned()];
    const credentials = ServerCredentials.createSsl(
      Buffer.from(client.certificate),
      [{ cert_chain: Buffer.from(server.certificate), private_key: Buffer.from(server.key) }],
      true,
    );
    const seen: unknown[] = [];
    const address = await serveHeaders(seen, credentials);
    const authorities = server.certificate;
    const call = async (tls: ClientOptions['tls']) => {
      const caller = createClient({ address, token: 'secret', retry: false, ...(tls !== undefined && { tls }) });
      ends.push(caller.close);
      return caller.services.catalog.listPlugins({}, { timeoutMs: 20_000 });
    };
    await call({ authorities, ...client });
    await call({ authorities: Buffer.from(authorities), ...client, serverName: 'localhost' });
    expect(seen).toEqual([['Bearer secret'], ['Bearer secret']]);
    for (const [tls, said] of [
      [{ authorities }, /certificate of this client.*`tls\.certificate` and `tls\.key`/],
      [{ authorities, ...stranger }, /`tls\.certificate` has to come from an authority/],
      [{ authorities: stranger.certificate, ...client }, /this client does not trust.*`tls\.authorities`/],
      [{ authorities, ...client, serverName: 'a.example.com' }, /not for a\.example\.com.*`tls\.serverName`/],
      [undefined, /if it speaks TLS, use `tls`/],
    ] as const) {
      const message = expect.stringMatching(said) as string;
      await expect(call(tls)).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: '', message });
    }
    expect(seen).toHaveLength(2);
  });

  it('and a client whose certificate has expired, refuse each other with the one to renew', async () => {
    const authority = makeSelfSigned({ isAuthority: true });
    const authorities = authority.certificate;
    const current = makeSelfSigned({ authority });
    const expired = makeSelfSigned({ authority, validToMs: Date.now() - 60_000 });
    for (const [server, client, said] of [
      [expired, current, /^the certificate of the server at \S+ has expired: ask its operator to renew it$/],
      [current, expired, /^the certificate of this client, `tls\.certificate`, expired on .*: renew it$/],
    ] as const) {
      const seen: unknown[] = [];
      const pair = { cert_chain: Buffer.from(server.certificate), private_key: Buffer.from(server.key) };
      const address = await serveHeaders(seen, ServerCredentials.createSsl(Buffer.from(authorities), [pair], true));
      const caller = createClient({ address, tls: { authorities, ...client }, retry: false });
      ends.push(caller.close);
      const message = expect.stringMatching(said) as string;
      await expect(caller.connect()).rejects.toMatchObject({ code: 'UNAVAILABLE', message });
      await expect(caller.services.catalog.listPlugins({})).rejects.toMatchObject({ code: 'UNAVAILABLE', message });
      expect(seen).toEqual([]);
    }
  });
});

/** A server that keeps what callers show it: on a socket, or by TLS on a port. */
async function serveHeaders(seen: unknown[], credentials?: ServerCredentials): Promise<string> {
  const { address, remove } = makeSocket();
  const server = new Server();
  server.addService(CatalogServiceService, {
    listPlugins: (call: { metadata: Metadata }, answer: (error: null, value: object) => void) => {
      seen.push(call.metadata.get('authorization'));
      answer(null, { plugins: [] });
    },
    getServerInfo: () => undefined,
  });
  const port = await new Promise<number>((bound, fail) =>
    server.bindAsync(
      credentials === undefined ? address : '127.0.0.1:0',
      credentials ?? ServerCredentials.createInsecure(),
      (error, given) => (error === null ? bound(given) : fail(error)),
    ),
  );
  ends.push(remove, () => server.forceShutdown());
  return credentials === undefined ? address : `127.0.0.1:${port}`;
}
