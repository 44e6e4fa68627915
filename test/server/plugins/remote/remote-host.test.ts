import { rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILTIN_PLUGINS } from '../../../../src/plugins/builtin/list.js';
import { loadPlugins } from '../../../../src/server/plugins/load-plugins.js';
import { PluginRegistry } from '../../../../src/server/plugins/plugin-registry.js';
import { createRemoteHost } from '../../../../src/server/plugins/remote/remote-host.js';
import { launchSpecifier, socketIn, startRemotePlugin, type Faults } from '../../../support/remote-plugin.js';
import { makeSelfSigned } from '../../../support/self-signed.js';
import { makeFolder } from '../../../support/test-server.js';

let folder: string;
let tls: { readonly key: string; readonly certificate: string };
beforeAll(async () => {
  folder = await makeFolder();
  const { key, certificate } = makeSelfSigned();
  tls = { key: join(folder, 'key.pem'), certificate: join(folder, 'certificate.pem') };
  await writeFile(tls.key, key);
  await writeFile(tls.certificate, certificate);
});
afterAll(() => rm(folder, { recursive: true }));

interface Loading {
  readonly startMs?: number;
  readonly warn?: (line: { readonly msg: string; readonly why?: string }) => void;
}

/** What a server with this plug-in lists, or why it does not start. */
async function load(specifier: string, { startMs = 20_000, warn = () => undefined }: Loading = {}) {
  const remote = createRemoteHost({
    limits: { callMs: 3000, workMs: 3000, startMs, retries: 1 },
    authoritiesFile: undefined,
    folder,
    log: pino({ level: 'warn' }, { write: (line) => warn(JSON.parse(line) as { readonly msg: string }) }),
  });
  try {
    const named = await loadPlugins([specifier], { folder, remote, limitMs: startMs });
    return new PluginRegistry([...BUILTIN_PLUGINS, ...named]).list().filter(({ id }) => id === 'nearest');
  } finally {
    await remote.close();
  }
}

const failureOf = async (specifier: string, loading?: Loading): Promise<string> => {
  const failure: unknown = await load(specifier, loading).catch((error: unknown) => error);
  expect(failure).toMatchObject({ reason: 'PLUGIN_INVALID' });
  const { message } = failure as Error;
  expect(message).not.toContain('\n');
  expect(message.length).toBeLessThan(3000);
  return message;
};

describe('a plug-in process that cannot be reached', () => {
  it('is waited for as long as the setting says, and the log tells why', async () => {
    const socket = socketIn(folder, 'none.sock');
    const warned: (string | undefined)[] = [];
    expect(await failureOf(socket, { startMs: 1500, warn: ({ why }) => warned.push(why) })).toBe(
      `the plug-in "${socket}" cannot be used: nothing could be reached at ${socket} within 1.5 s: there is no socket ${socket.slice(5)}. Check that the plug-in runs and listens at this address; pluginStartMs (--plugin-start-ms) gives it more time`,
    );
    expect(warned).toEqual([`there is no socket ${socket.slice(5)}`]);
  });

  it('is told by its address if it refuses connections', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => free.once('listening', resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    expect(await failureOf(`grpc://127.0.0.1:${port}`, { startMs: 1000 })).toMatch(
      new RegExp(`nothing could be reached at grpc://127\\.0\\.0\\.1:${port} within 1 s: connection refused\\. Check`),
    );
  });

  it('is found once it listens', async () => {
    const address = socketIn(folder, 'late.sock');
    const loading = load(address);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await using plugin = await startRemotePlugin(address);
    expect(await loading).toMatchObject([{ id: 'nearest', runsIn: plugin.address }]);
  });

  it('is told at once from one whose certificate is not trusted, that speaks no TLS, or that speaks it unasked', async () => {
    await using encrypted = await startRemotePlugin('127.0.0.1:0', { tls });
    expect(await failureOf(`grpcs://${encrypted.address}`)).toMatch(
      /the certificate of grpcs:\/\/127\.0\.0\.1:\d+ is not trusted \(self-signed certificate\)\. Name .*--plugin-authorities/,
    );
    expect(await failureOf(`grpc://${encrypted.address}`, { startMs: 1000 })).toMatch(
      /nothing could be reached at grpc:/,
    );
    await using plain = await startRemotePlugin('127.0.0.1:0');
    expect(await failureOf(`grpcs://${plain.address}`)).toMatch(/does not speak TLS\. .*grpc:\/\//);
  });

  it('is told from a program that is no plug-in', async () => {
    const web = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await new Promise((resolve) => web.once('listening', resolve));
    const { port } = web.address() as AddressInfo;
    const failure = await failureOf(`grpc://127.0.0.1:${port}`, { startMs: 1000 });
    web.close();
    expect(failure).toMatch(/nothing could be reached at grpc:.* within 1 s: .*\. Check that the plug-in runs/);
  });
});

describe('a plug-in process that says what none may say', () => {
  const HANDSHAKE =
    /its handshake is wrong: ".*"\. Let it write the line `prunecast-plugin\/1 ADDRESS`, where ADDRESS is/;

  it.each<[what: string, faults: Faults | string, error: RegExp]>([
    ['a handshake without an address', { handshake: 'prunecast-plugin/1' }, HANDSHAKE],
    ['a handshake without a version', { handshake: 'prunecast-plugin ADDRESS' }, HANDSHAKE],
    ['a handshake with a relative path', { handshake: 'prunecast-plugin/1 unix:plugin.sock' }, HANDSHAKE],
    ['a handshake with a host alone', { handshake: 'prunecast-plugin/1 localhost' }, HANDSHAKE],
    [
      'a handshake of another protocol',
      { version: 2 },
      /it speaks protocol 2, and this server 1: use a version of the plug-in, or of Prunecast, for the same protocol/,
    ],
    [
      'an address where it does not listen',
      'exec:echo prunecast-plugin/1 127.0.0.1:1; sleep 60',
      /nothing could be reached at grpc:\/\/127\.0\.0\.1:1 within 1\.5 s: connection refused/,
    ],
    ['nothing, and ends', 'exec:exit 1', /"exec:exit 1" cannot be used: it ended with code 1 before it listened/],
    [
      'megabytes, and ends',
      'exec:head -c 20000000 /dev/zero | tr "\\0" a; exit 4',
      /it ended with code 4 .* a{300}\.\.\.$/,
    ],
    [
      'two plug-ins of one id',
      { offer: ['predictor', 'predictor'] },
      /it offers predictor "nearest" twice: give each an id/,
    ],
    ['no plug-in', { offer: [] }, /it offers no plug-in/],
    [
      'a plug-in with the id of a built-in one',
      { id: 'ridge' },
      /predictor "ridge" is there 2 times, in (file:.*ridge\.js and in exec:FAULTS=\.\.\. exec .*|exec:FAULTS=\.\.\. exec .* and in file:.*): take one out, give it another id/,
    ],
    [
      'options of no JSON Schema',
      { schema: { type: 'object', properties: { a: { type: 'banana' } } } },
      /the options_schema of predictor "nearest" is no JSON Schema that options can be checked by: .*banana/,
    ],
    [
      'options without schemas',
      { schema: { type: 'object', properties: { a: 7 } } },
      /the options_schema of predictor "nearest" is no JSON .*: the schema of the option a must be an object/,
    ],
    ['10 MB', { summaryBytes: 10_000_000 }, /its answer to GetInfo has more than 4 MiB\. Shorten its summaries/],
  ])('keeps a server from starting, in one line: %s', { timeout: 60_000 }, async (_, faults, error) => {
    const specifier = typeof faults === 'string' ? faults : launchSpecifier(faults);
    const startMs = /127\.0\.0\.1:1;/.test(specifier) ? 1500 : 20_000;
    expect(await failureOf(specifier, { startMs })).toMatch(error);
  });

  it('is used though it writes megabytes before its handshake', { timeout: 60_000 }, async () => {
    expect(await load(launchSpecifier({ writeBytes: 20_000_000 }))).toHaveLength(1);
  });
});

describe('a launched plug-in in a list', () => {
  it('is named as its operator did, without the values of variables, which may be secrets', async () => {
    const [listed] = await load(launchSpecifier());
    expect(listed?.runsIn).toMatch(/^exec:FAULTS=\.\.\. exec .*plugin-server\.mjs$/);
  });
});
