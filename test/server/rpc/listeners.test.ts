import { spawnSync } from 'node:child_process';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HealthClient } from '../../../src/gen/grpc/health/v1/health.js';
import { CatalogServiceClient, GetServerInfoRequest } from '../../../src/gen/prunecast/v1/catalog.js';
import { loadConfig, type ConfigOptions } from '../../../src/server/config/config.js';
import { refuseExposed } from '../../../src/server/config/exposure.js';
import { startServer } from '../../../src/server/start-server.js';
import { ask, failureOf, makeFolder, startTestServer } from '../../support/test-server.js';

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const refuse = (options: ConfigOptions) => () => refuseExposed(loadConfig({}, options), false);

/** Whether this user may give files to a group. */
const mayGiveTo = (id: number) => process.getuid?.() === 0 || process.getgroups?.().includes(id) === true;

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

/** What a process of another user and group gets when it connects: `connected`, or the code of the error. */
function connectAs(user: number, group: number, path: string): string {
  const { stdout } = spawnSync(
    process.execPath,
    [
      '-e',
      `process.setgroups([]); process.setgid(${group}); process.setuid(${user});
       require('node:net').connect(process.argv[1]).on('connect', function () { console.log('connected'); this.destroy(); }).on('error', ({ code }) => console.log(code));`,
      path,
    ],
    { encoding: 'utf8' },
  );
  return stdout.trim();
}

describe('a unix socket', () => {
  it('is open to its user and group, or to whom the settings say', async () => {
    const [first, second] = [join(folder, 'first.sock'), join(folder, 'second.sock')];
    await using shared = await startTestServer({ config: { listen: [`unix:${first}`, `unix:${second}`] } });
    expect([await modeOf(first), await modeOf(second)]).toEqual(['660', '660']);
    await shared.stop();
    await using closed = await startTestServer({ config: { listen: [`unix:${first}`], socketMode: '600' } });
    expect(await modeOf(first)).toBe('600');
    expect(closed.address).toBe(`unix:${first}`);
  });

  it.skipIf(process.getuid?.() !== 0)('lets another user of its group connect, and no other', async () => {
    const path = join(folder, 'shared.sock');
    await using server = await startTestServer({ config: { listen: [`unix:${path}`], socketGroup: '4242' } });
    await chmod(folder, 0o755);
    expect(server.address).toBe(`unix:${path}`);
    expect((await stat(path)).gid).toBe(4242);
    expect(connectAs(4243, 4242, path)).toBe('connected');
    expect(connectAs(4243, 4244, path)).toBe('EACCES');
  });

  it('has the group that is named, and not that of the process', async (context) => {
    const groups = (await readFile('/etc/group', 'utf8')).split('\n').map((line) => line.split(':'));
    const [name = '', , id] =
      groups.find(([, , each]) => Number(each) !== process.getgid?.() && mayGiveTo(Number(each))) ?? [];
    if (id === undefined) return context.skip('this user is in one group alone');
    const path = join(folder, 'named.sock');
    await using server = await startTestServer({ config: { listen: [`unix:${path}`], socketGroup: name } });
    expect(server.address).toBe(`unix:${path}`);
    expect((await stat(path)).gid).toBe(Number(id));
  });

  it('of a group that is not there keeps the server from starting', async () => {
    await expect(startTestServer({ config: { socketGroup: 'no-such-group' } })).rejects.toThrow(
      '/etc/group has no group "no-such-group" (socketGroup): give its number',
    );
  });

  it('that another program listens on is left to it, and a file in its place too', async () => {
    const path = join(folder, 'taken.sock');
    const other = createServer();
    await new Promise<void>((listening) => other.listen(path, listening));
    await expect(startTestServer({ config: { listen: [`unix:${path}`] } })).rejects.toThrow(
      'another server listens there',
    );
    expect(connectAs(process.getuid?.() ?? 0, process.getgid?.() ?? 0, path)).toBe('connected');
    other.close();
    const file = join(folder, 'file.sock');
    await writeFile(file, 'mine');
    await expect(startTestServer({ config: { listen: [`unix:${file}`] } })).rejects.toThrow('is not a socket');
  });
});

describe('an address that other machines reach', () => {
  const tls = { tlsKey: '/k', tlsCertificate: '/c' };
  const tokens = { tokensFile: '/t' };
  const authorities = { tlsClientAuthorities: '/a' };
  const listen = ['127.0.0.1:1', '0.0.0.0:2'];
  it.each([
    ['without TLS and authentication', { listen }, /0\.0\.0\.0:2.*tlsCertificate.*tokensFile.*--insecure/],
    ['without TLS', { listen, ...tokens }, /has no encryption \(tlsCertificate and tlsKey\): /],
    ['without authentication', { listen, ...tls }, /has no authentication \(tokensFile or tlsClientAuthorities\): /],
    [
      'of the dashboard without authentication',
      { dashboard: '0.0.0.0:3', dashboardHosts: ['h'], ...tls },
      /0\.0\.0\.0:3.*no authentication/,
    ],
  ])('is refused %s', (_what, options, message) => {
    expect(() => refuseExposed(loadConfig({}, options), false)).toThrow(message);
    expect(() => refuseExposed(loadConfig({}, { ...options, insecure: true }), false)).not.toThrow();
  });

  it.each([
    { listen, ...tls, ...tokens },
    { listen, ...tls, ...authorities },
    { listen: ['127.0.0.1:1', '[::1]:2', 'localhost:3', 'unix:/run/s.sock'] },
    { healthListen: ['0.0.0.0:1'] },
  ])('may be there, or is none: %o', (options) => {
    expect(() => refuseExposed(loadConfig({}, options), false)).not.toThrow();
  });

  it('is refused to metrics unless the settings allow it, with TLS and tokens or without', () => {
    const metricsListen = '0.0.0.0:9464';
    expect(refuse({ metricsListen })).toThrow(/0\.0\.0\.0:9464.*listen on 127\.0\.0\.1.*\(--metrics-insecure\)/);
    expect(refuse({ metricsListen, listen, ...tls, ...tokens })).toThrow('--metrics-insecure');
    expect(refuse({ metricsListen, metricsInsecure: true })).not.toThrow();
    expect(refuse({ metricsListen, insecure: true })).not.toThrow();
    expect(refuse({ metricsListen: '127.0.0.1:9464' })).not.toThrow();
    // It opens the address of metrics alone.
    expect(refuse({ metricsListen, metricsInsecure: true, listen })).toThrow('--insecure');
  });

  it('needs no tokens where the embedding program decides who may call', () => {
    expect(() => refuseExposed(loadConfig({}, { listen, ...tls }), true)).not.toThrow();
    expect(() => refuseExposed(loadConfig({}, { listen }), true)).toThrow('no encryption');
  });

  it('keeps the server from starting, before it opens its state', async () => {
    const config = loadConfig({ PRUNECAST_LISTEN: '0.0.0.0:0', PRUNECAST_STATE_DIRECTORY: join(folder, 'state') });
    await expect(startServer(config)).rejects.toThrow('--insecure');
    await expect(stat(join(folder, 'state'))).rejects.toThrow('ENOENT');
    expect(loadConfig({ PRUNECAST_INSECURE: 'true' }).insecure).toBe(true);
    expect(() => loadConfig({ PRUNECAST_INSECURE: 'yes' })).toThrow(/insecure \(PRUNECAST_INSECURE\)/);
  });
});

describe('a listener for health', () => {
  it('answers about health without a token, has nothing else, and ends its watchers with the server', async () => {
    const tokensFile = join(folder, 'tokens.json');
    await writeFile(tokensFile, '{"tokens": []}');
    const config = loadConfig(
      {},
      {
        stateDirectory: join(folder, 'state'),
        listen: [`unix:${join(folder, 's.sock')}`],
        healthListen: ['127.0.0.1:0'],
        tokensFile,
        logLevel: 'silent',
      },
    );
    const server = await startServer(config);
    const [address = ''] = server.healthAddresses;
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    const health = new HealthClient(address, credentials.createInsecure());
    const catalog = new CatalogServiceClient(address, credentials.createInsecure());
    try {
      expect(await ask(health, health.check, { service: 'prunecast.v1.JobService' })).toEqual({ status: 1 });
      expect(Object.keys((await ask(health, health.list, {})).statuses)).toContain('prunecast.v1.StudyService');
      expect(await failureOf(ask(catalog, catalog.getServerInfo, GetServerInfoRequest.fromPartial({})))).toMatchObject({
        code: status.UNIMPLEMENTED,
        reason: 'NOT_IMPLEMENTED',
      });
      const watch = (health.watch({ service: '' }).on('error', () => undefined) as AsyncIterable<unknown>)[
        Symbol.asyncIterator
      ]();
      expect(await watch.next()).toMatchObject({ value: { status: 1 } });
      const ended = (async () => {
        for (let next = await watch.next(); !next.done; next = await watch.next());
      })();
      await Promise.all([server.stop(), expect(ended).rejects.toMatchObject({ code: status.UNAVAILABLE })]);
    } finally {
      health.close();
      catalog.close();
      await server.stop();
    }
  });
});
