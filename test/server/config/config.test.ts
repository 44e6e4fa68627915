import { mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCommandConfig } from '../../../src/server/config/load-command-config.js';
import { loadConfig } from '../../../src/server/config/config.js';
import { resolveWithin, type PathField } from '../../../src/server/config/resolve-within.js';
import { makeFolder } from '../../support/test-server.js';

describe('loadConfig', () => {
  it('takes options over the environment over the defaults, and makes paths absolute', () => {
    const config = loadConfig(
      {
        PRUNECAST_MODEL_ROOTS: ['/models', 'more'].join(delimiter),
        PRUNECAST_LISTEN: '0.0.0.0:7000, unix:/run/p.sock',
        PRUNECAST_CONCURRENT_JOBS: '2',
        PRUNECAST_THREADS: '3',
        PRUNECAST_LOG_LEVEL: '',
      },
      { concurrentJobs: 5 },
    );
    expect(config).toMatchObject({
      modelRoots: ['/models', join(process.cwd(), 'more')],
      listen: ['0.0.0.0:7000', 'unix:/run/p.sock'],
      concurrentJobs: 5,
      threads: 3,
      logLevel: 'info',
    });
    expect(config.memoryBudgetBytes).toBeGreaterThan(0);
  });

  it('takes a list in JSON where names hold a separator, and keeps the addresses of IPv6 for what they are', () => {
    expect(
      loadConfig({
        PRUNECAST_MODEL_ROOTS: '["/runs/12:30/models","/more"]',
        PRUNECAST_LISTEN: '["unix:/run/a,b.sock"]',
      }),
    ).toMatchObject({ modelRoots: ['/runs/12:30/models', '/more'], listen: ['unix:/run/a,b.sock'] });
    expect(loadConfig({ PRUNECAST_PLUGINS: './knn.js, @acme/x' }).plugins).toEqual(['./knn.js', '@acme/x']);
    expect(loadConfig({ PRUNECAST_LISTEN: '[::1]:50051' }).listen).toEqual(['[::1]:50051']);
    expect(() => loadConfig({ PRUNECAST_DATA_ROOTS: '["/runs' })).toThrow(
      /dataRoots \(PRUNECAST_DATA_ROOTS\): .* is not a list/,
    );
    expect(() => loadConfig({ PRUNECAST_DATA_ROOTS: '["/runs", 5]' })).toThrow(
      /dataRoots \(PRUNECAST_DATA_ROOTS\): 5 is not text/,
    );
  });

  it("keeps the state in the user's own folder unless told otherwise", () => {
    expect(loadConfig({ XDG_STATE_HOME: '/state' }).stateDirectory).toBe('/state/prunecast');
    expect(loadConfig({ XDG_STATE_HOME: '/state', PRUNECAST_STATE_DIRECTORY: '/own' }).stateDirectory).toBe('/own');
  });

  it('names each bad setting, its variable and what is allowed', () => {
    expect(() => loadConfig({ PRUNECAST_CONCURRENT_JOBS: '0', PRUNECAST_LOG_LEVEL: 'loud' })).toThrow(
      /concurrentJobs \(PRUNECAST_CONCURRENT_JOBS\): 0 is less than 1[^]*logLevel \(PRUNECAST_LOG_LEVEL\): "loud" is not one of .*warn/,
    );
    expect(() => loadConfig({}, { tlsKey: '/k' })).toThrow('tlsCertificate and tlsKey go together');
  });
});

describe('the settings of a server that a command starts', () => {
  it('leave others out, whatever the environment lets in', () => {
    const config = loadCommandConfig({
      PRUNECAST_STATE_DIRECTORY: '/state',
      PRUNECAST_LISTEN: '0.0.0.0:1',
      PRUNECAST_HEALTH_LISTEN: '0.0.0.0:2',
      PRUNECAST_SOCKET_MODE: '0666',
      PRUNECAST_SOCKET_GROUP: 'staff',
      PRUNECAST_TOKENS_FILE: '/tokens',
      PRUNECAST_INSECURE: 'true',
    });
    expect(config).toMatchObject({
      listen: ['unix:/state/server.sock'],
      healthListen: [],
      socketMode: '0600',
      insecure: false,
    });
    expect([config.socketGroup, config.tokensFile]).toEqual([undefined, undefined]);
  });
});

describe('resolveWithin', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await realpath(await makeFolder());
    await mkdir(join(folder, 'first/m'), { recursive: true });
    await mkdir(join(folder, 'second/n'), { recursive: true });
    await mkdir(join(folder, 'secret'));
    await writeFile(join(folder, 'first/m/file'), '');
    await symlink(join(folder, 'secret'), join(folder, 'first/escape'));
    await symlink(join(folder, 'first/m'), join(folder, 'first/alias'));
    await symlink(join(folder, 'first/loop'), join(folder, 'first/loop'));
    await symlink(join(folder, 'second/n'), join(folder, 'first/across'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const find = (path: string, links?: PathField['links']) =>
    resolveWithin([join(folder, 'first'), join(folder, 'gone'), join(folder, 'second')], path, {
      field: 'model',
      missing: 'MODEL_NOT_FOUND',
      ...(links === undefined ? {} : { links }),
    });

  const reject = (path: string, links?: PathField['links']) =>
    find(path, links).catch((error: unknown) => String(error));

  it('finds what lies under any of the roots, links to any of them followed', async () => {
    expect(await find('m')).toBe(join(folder, 'first/m'));
    expect(await find('n')).toBe(join(folder, 'second/n'));
    expect(await find('alias')).toBe(join(folder, 'first/m'));
    expect(await find('across')).toBe(join(folder, 'second/n'));
    expect(await find('x/../m/')).toBe(join(folder, 'first/m'));
  });

  it('finds an absolute path under any of the roots, by the name of the root or where that leads', async () => {
    expect(await find(join(folder, 'second/n'))).toBe(join(folder, 'second/n'));
    await symlink(join(folder, 'second'), join(folder, 'linked'));
    const under = (root: string, path: string) =>
      resolveWithin([join(folder, root)], join(folder, path), { field: 'model', missing: 'MODEL_NOT_FOUND' });
    expect(await under('linked', 'linked/n')).toBe(join(folder, 'second/n'));
    expect(await under('linked', 'second/n')).toBe(join(folder, 'second/n'));
    await expect(under('second', 'first/m')).rejects.toMatchObject({ reason: 'PATH_OUTSIDE_ROOTS' });
    await expect(under('second', 'second/../first/m')).rejects.toMatchObject({ reason: 'PATH_OUTSIDE_ROOTS' });
    await expect(find(join(folder, 'second/gone'))).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  });

  it('refuses what leads out of its root, by name or over a link', async () => {
    for (const path of ['../secret', '/etc', 'm/../../secret', 'escape', 'escape/x/..', join(folder, 'secret')]) {
      await expect(find(path)).rejects.toMatchObject({
        reason: 'PATH_OUTSIDE_ROOTS',
        violations: [{ field: 'model' }],
      });
    }
  });

  it('says of a link that leads outside that it is one, and what to do, but not where it leads', async () => {
    const error = (await find('escape').catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toMatch(/"escape" is, or lies behind, a symbolic link .* a model root, or put a copy/);
    expect(error.message).not.toContain(folder);
    await expect(find('../secret')).rejects.not.toThrow('link');
  });

  it('says that nothing is there without telling where it looked', async () => {
    for (const path of ['nothing', 'm/file/below']) {
      const error = await find(path).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ reason: 'MODEL_NOT_FOUND' });
      expect(String(error)).not.toContain(folder);
    }
  });

  it('proposes the nearest name below the same root, of a model a folder', async () => {
    await mkdir(join(folder, 'second/org/smollm2-135m'), { recursive: true });
    await writeFile(join(folder, 'second/org/smollm2-135n'), 'a file');
    await mkdir(join(folder, 'secret/models/tiny'), { recursive: true });
    expect(await reject('org/smollm-135n')).toContain('did you mean "org/smollm2-135m"?');
    expect(await reject('orgg/smollm2-135m')).toContain('did you mean "org"?');
    expect(await reject('org/other')).not.toContain('did you mean');
    // What a link outside the roots leads to is not told of.
    await symlink(join(folder, 'secret/models'), join(folder, 'second/elsewhere'));
    expect(await reject('elsewhere/tinny')).not.toContain('tiny');
    expect(await reject('elsewhere/tinny', 'anywhere')).toContain('did you mean "elsewhere/tiny"?');
  });

  it.each([
    ['empty', ''],
    ['with a NUL', 'm\0/x'],
    ['of 6,000 characters', 'x/'.repeat(3000)],
    ['with a name too long for a file', 'x'.repeat(300)],
    ['over links in a circle', 'loop'],
    ['below links in a circle', 'loop/m'],
  ])('names the field of a path that can be none: %s', async (_, path) => {
    await expect(find(path)).rejects.toMatchObject({ reason: 'INVALID_REQUEST', violations: [{ field: 'model' }] });
  });

  it('follows links anywhere if configured, but never names that lead out of the roots', async () => {
    expect(await find('escape', 'anywhere')).toBe(join(folder, 'secret'));
    await expect(find('../secret', 'anywhere')).rejects.toMatchObject({ reason: 'PATH_OUTSIDE_ROOTS' });
  });
});
