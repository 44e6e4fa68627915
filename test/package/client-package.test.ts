import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { listLoadedFiles } from '../support/loaded-files.js';
import { type Installation, installFromClone, listPacked, sumBytes } from '../support/pack-clone.js';
import { lintPackage } from './lint-package.js';
import { readPromisedSizes } from './sizes.js';

/* The client alone, as a user gets it. */

const ROOT = resolve(import.meta.dirname, '../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

let installation: Installation;
beforeAll(async () => {
  installation = await installFromClone('packages/client');
}, 600_000);
afterAll(() => installation[Symbol.asyncDispose]());

const skipOffline = ({ skip }: TestContext): void => skip(installation.offline !== undefined, installation.offline);

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: object;
  readonly dependencies: Readonly<Record<string, string>>;
}
const readManifest = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(ROOT, folder, 'package.json'), 'utf8')) as Manifest;

describe('the package of the client', () => {
  it('has what the client imports, and nothing else', async () => {
    const files = await listPacked(installation.tarball);
    expect(files).toEqual(expect.arrayContaining(['dist/client/remote.d.ts', 'README.md', 'LICENSE']));
    const places =
      /^(?:dist\/(?:client|core|gen\/(?:google|prunecast))\/.*(?:\.js|\.d\.ts)|LICENSE|README\.md|package\.json)$/;
    expect(files.filter((file) => !places.test(file))).toEqual([]);
  });

  it('has the version of the server, and its dependencies in the same versions', async () => {
    const [client, server] = [await readManifest('packages/client'), await readManifest('.')];
    expect(client).toMatchObject({ version: server.version, license: server.license, engines: server.engines });
    expect(server.dependencies).toMatchObject(client.dependencies);
  });

  it('has an entry whose types resolve for Node and bundlers', { timeout: 300_000 }, async () => {
    expect(await lintPackage(installation.tarball)).toEqual(['.']);
  });

  it('is no larger than docs/install.md says, packed and installed', async (context) => {
    const { archive, installed } = await readPromisedSizes('prunecast-client');
    expect((await stat(installation.tarball)).size).toBeLessThan(archive);
    skipOffline(context);
    expect(await sumBytes(join(installation.user, 'node_modules'))).toBeLessThan(installed);
  });

  it('loads no native module', async (context) => {
    skipOffline(context);
    const { files, natives } = await listLoadedFiles('prunecast-client', installation.user);
    expect(natives).toEqual([]);
    expect(files.some((file) => file.endsWith('/prunecast-client/dist/client/remote.js'))).toBe(true);
  });

  for (const [module, resolution] of [
    ['NodeNext', 'NodeNext'],
    ['ESNext', 'Bundler'],
  ] as const)
    it(`has declarations that hold, and a README that compiles, for ${resolution}`, async (context) => {
      skipOffline(context);
      await writeFile(join(installation.user, 'readme.mts'), await readProgram());
      const strict = [
        '--strict',
        '--exactOptionalPropertyTypes',
        '--noUncheckedIndexedAccess',
        '--skipLibCheck',
        'false',
      ];
      const target = ['--noEmit', '--target', 'ES2023', '--types', 'node'];
      const { stdout } = await run(
        process.execPath,
        [TSC, ...target, ...strict, '--module', module, '--moduleResolution', resolution, 'readme.mts'],
        { cwd: installation.user },
      ).catch((error: { readonly stdout: string }) => error);
      expect(stdout).toBe('');
    });
});

async function readProgram(): Promise<string> {
  const [, program] = /```ts\n(.*?)```/s.exec(await readFile(join(ROOT, 'packages/client/README.md'), 'utf8')) ?? [];
  if (program === undefined) throw new Error('packages/client/README.md has no program');
  return program;
}
