import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { listLoadedFiles } from '../support/loaded-files.js';
import { type Installation, installFromClone, listPacked, sumBytes } from '../support/pack-clone.js';
import { lintPackage } from './lint-package.js';
import { readPromisedSizes } from './sizes.js';

/*
 * The package as a user gets it: packed from a clone that was never built, and installed from the registry with its
 * dependencies. Skipped where the registry cannot be reached.
 */

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

let installation: Installation;
beforeAll(async () => {
  installation = await installFromClone('.');
}, 600_000);
afterAll(() => installation[Symbol.asyncDispose]());

const prunecast = (...args: string[]) =>
  run(join(installation.user, 'node_modules/.bin/prunecast'), args, { cwd: installation.user, maxBuffer: 2 ** 24 });

const skipOffline = ({ skip }: TestContext): void => skip(installation.offline !== undefined, installation.offline);

describe('the package of a clone that was never built', () => {
  it('has the build, the protos, the demo model, the templates and the docs, and nothing else', async () => {
    const files = await listPacked(installation.tarball);
    const needed = [
      'dist/src/cli/main.js',
      'dist/src/client/index.d.ts',
      'models/stories260k/config.json',
      'docs/cli.md',
      'docs/prunecast.schema.json',
      'proto/prunecast/v1/service_config.json',
    ];
    expect(files).toEqual(expect.arrayContaining(needed));
    const places = [
      /^dist\/src\/.*(?:\.js|\.d\.ts|\.css|\.html|\.svg)$/,
      /^proto\/(?:prunecast|google|grpc)\/.*\.proto$/,
      /^proto\/prunecast\/v1\/service_config\.json$/,
      /^proto\/(?:image\.binpb|plugins\.json|settings\.json)$/,
      /^models\/stories260k\//,
      /^templates\/plugin\//,
      /^docs\/(?:[\w.-]+\.md|prunecast\.schema\.json)$/,
      /^(?:ARCHITECTURE\.md|LICENSE|README\.md|SECURITY\.md|package\.json)$/,
    ];
    expect(files.filter((file) => !places.some((place) => place.test(file)))).toEqual([]);
    const script = await readFile(join(installation.clone, 'dist/src/cli/main.js'), 'utf8');
    expect(script).not.toContain('sourceMappingURL');
  });

  it('has entries whose types resolve for Node and bundlers', { timeout: 300_000 }, async () => {
    expect(await lintPackage(installation.tarball)).toEqual([
      '.',
      './plugin',
      './plugin/testing',
      './server',
      './server/testing',
    ]);
  });

  it('is no larger than docs/install.md says, packed and installed', async (context) => {
    const { archive, installed } = await readPromisedSizes('prunecast');
    expect((await stat(installation.tarball)).size).toBeLessThan(archive);
    skipOffline(context);
    expect(await sumBytes(join(installation.user, 'node_modules'))).toBeLessThan(installed);
  });

  it('loads no native module and nothing of the server with its client', async (context) => {
    skipOffline(context);
    const { files, natives } = await listLoadedFiles('prunecast', installation.user);
    expect(natives).toEqual([]);
    const bundles = files.filter((file) => file.includes('/node_modules/prunecast/'));
    const scripts = await Promise.all(bundles.map((file) => readFile(file, 'utf8')));
    // Each module of a bundle begins with its path.
    const own = scripts.flatMap((script) =>
      [...script.matchAll(/^\/\/ src\/([\w-]+)\//gm)].map(([, folder]) => folder),
    );
    expect([...new Set(own)].sort()).toEqual(['client', 'core', 'gen', 'state-folder']);
  });

  it('runs once it is installed', { timeout: 300_000 }, async (context) => {
    skipOffline(context);
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };
    const { stdout: told } = await run('npx', ['--no-install', 'prunecast', '--version'], { cwd: installation.user });
    expect(told.trim()).toBe(version);
    const model = 'node_modules/prunecast/models/stories260k';
    const { stdout: inspected } = await prunecast('inspect', '--model', model, '--json');
    expect(JSON.parse(inspected)).toMatchObject({ family: 'llama', parameters: '260032' });
    const flags = ['--text', `${model}/stories.json`, '--tokens', '512', '--bos', '--dense', '--json'];
    const { stdout: evaluated } = await prunecast('evaluate', '--model', model, ...flags);
    const events = evaluated
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly evaluation?: { readonly metrics: Record<string, number> } });
    const perplexity = events.find(({ evaluation }) => evaluation !== undefined)?.evaluation?.metrics['perplexity'];
    // That of the whole text is 4.6; a model that computes nonsense would come to about its vocabulary, 512.
    expect(perplexity).toBeGreaterThan(3);
    expect(perplexity).toBeLessThan(10);
  });

  it('runs the demo in the folder that it is installed in', { timeout: 600_000 }, async (context) => {
    skipOffline(context);
    await prunecast('demo', '--json', 'demo.json'); // exits with an error if anything that it promises does not hold
    const { size } = await stat(join(installation.user, 'prunecast-demo/model/model.safetensors'));
    expect(size).toBeLessThan((await stat(join(ROOT, 'models/stories260k/model.safetensors'))).size);
  });
});
