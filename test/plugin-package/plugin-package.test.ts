import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Control,
  createClient,
  type DeepPartial,
  type PrunecastClient,
  type SearchRequest,
} from '../../src/client/index.js';
import { installPacked } from '../support/packed-package.js';

/*
 * A package of plug-ins as somebody else writes it: outside of the source tree, against the packed package alone.
 */

const ROOT = resolve(import.meta.dirname, '../..');
/** That of docs/plugin-typescript.md. */
const EXAMPLE = join(ROOT, 'examples/typescript-predictor');
const run = promisify(execFile);

let folder: string;
let packageRoot: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'plugin-package-')));
  packageRoot = installPacked(folder);
  await cp(join(ROOT, 'test/fixtures/plugin-package'), join(folder, 'plugins'), { recursive: true });
  await cp(join(EXAMPLE, 'nearest.ts'), join(folder, 'plugins/ts/nearest.ts'));
  await cp(EXAMPLE, join(folder, 'example'), { recursive: true });
  await writeFile(join(folder, 'plugins/ts/from-readme.ts'), await readExample());
  await mkdir(join(folder, 'node_modules/@acme'));
  await symlink('../../plugins', join(folder, 'node_modules/@acme/prunecast-plugins'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The plug-in that the page on plug-ins shows. */
async function readExample(): Promise<string> {
  const page = await readFile(join(ROOT, 'docs/writing-plugins.md'), 'utf8');
  const [, example] = /```ts\n(\/\/ largest-weight\.ts\n.*?)```/s.exec(page) ?? [];
  if (example === undefined) throw new Error('docs/writing-plugins.md has no example of a plug-in');
  return example;
}

const compile = (project: string, cwd = join(folder, 'plugins')) =>
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project], { cwd }).catch(
    (error: { readonly stdout: string }) => ({ stdout: error.stdout }),
  );

describe('a package of plug-ins outside the source tree', () => {
  it('compiles, with declarations and strictly, for Node and for bundlers', async () => {
    for (const project of ['tsconfig.json', 'tsconfig.bundler.json']) expect((await compile(project)).stdout).toBe('');
    const declaration = await readFile(join(folder, 'plugins/built/ts/weight-spread.d.ts'), 'utf8');
    expect(declaration).toContain('import("prunecast/plugin").Criterion<');
    await stat(join(folder, 'plugins/built/js/nearest.d.ts'));
  });

  it('compiles and passes `plugin check` as docs/plugin-typescript.md shows', { timeout: 180_000 }, async () => {
    const cwd = join(folder, 'example');
    expect((await compile('tsconfig.json', cwd)).stdout).toBe('');
    const env = { ...process.env, PRUNECAST_STATE_DIRECTORY: join(folder, 'state') };
    const { stdout } = await run('npx', ['--no', 'prunecast', 'plugin', 'check', './nearest.js'], { cwd, env });
    expect(stdout).toMatch(/^predictor nearest 0\.1\.0\+sha256-[0-9a-f]{16}: /);
    expect(stdout).toMatch(/^all 16 checks passed$/m);
  });

  it('passes the conformance kits of the packed package, which loads no native module', async () => {
    const modules = ['built/ts/index.js', 'built/ts/from-readme.js', 'js/index.js'];
    const { stdout } = await run(process.execPath, ['check.mjs', ...modules], { cwd: join(folder, 'plugins') });
    expect(JSON.parse(stdout)).toEqual({ count: expect.any(Number) as number, failures: [], natives: [] });
    expect((JSON.parse(stdout) as { readonly count: number }).count).toBeGreaterThan(30);
  });

  it('drives a search of `prunecast serve --plugin`, in TypeScript and in JavaScript, and the winner arrives', {
    timeout: 180_000,
  }, async () => {
    const server = await serve(
      '--plugin',
      './plugins/built/ts/index.js',
      '--plugin',
      './plugins/built/ts/from-readme.js',
      '--plugin',
      '@acme/prunecast-plugins',
    );
    try {
      const { plugins } = await server.client.services.catalog.listPlugins({});
      expect(plugins.find(({ id }) => id === 'weight-spread')).toMatchObject({
        version: expect.stringMatching(/^1\.2\.3\+sha256-/) as string, // a link, not an installed copy
      });
      expect(plugins.map(({ id }) => id)).toEqual(expect.arrayContaining(['nearest', 'nearest-js', 'largest-weight']));
      const report = await server.client.runSearch(search());
      expect(report.winner?.metrics['perplexity']).toBeGreaterThan(1);
      const written = await readFile(join(folder, 'outputs/winner/prunecast.json'), 'utf8');
      expect(JSON.parse(written)).toMatchObject({
        recipe: {
          criterion: { id: expect.stringMatching(/^(weight-spread|largest-weight-js)$/) as string },
          compensation: { id: 'none' },
        },
      });
      const predictor = await server.client.runFitPredictor({
        source: { $case: 'studyId', value: report.studyId },
        predictor: { id: 'nearest-js' },
      });
      const { rates } = await firstPair(server.client, report.studyId);
      const { predictions } = await server.client.services.pruning.predict({
        predictorId: predictor.id,
        encodings: { dimensions: rates.length, rates: Buffer.from(Float32Array.from(rates).buffer) },
        recipeDigest: predictor.recipeDigests[0] ?? '',
      });
      expect(predictions[0]?.mean[0]).toBeGreaterThan(1);
    } finally {
      await server.stop();
    }
  });

  it('keeps a server from starting, in one sentence, if it cannot be found', async () => {
    const child = startServer('--plugin', '@acme/elsewhere');
    const [errors] = await Promise.all([readAll(child), once(child, 'close')]);
    expect(child.exitCode).toBe(1);
    expect(errors.split('\n')[0]).toMatch(
      /^the plug-in "@acme\/elsewhere" cannot be found from .*: Cannot find package/,
    );
  });
});

/** A small search of the demo model: both criteria are compared, and the predictor in TypeScript leads it. */
function search(): DeepPartial<SearchRequest> {
  return {
    model: 'stories260k',
    recipes: ['weight-spread', 'largest-weight-js'].map((id) => ({
      criterion: { id },
      compensation: { id: 'none' },
    })),
    space: { protectedLayers: { layers: [] } },
    budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
    texts: { text: { source: { $case: 'path', value: 'stories260k/stories.json' } } },
    pairs: { count: 20, rungs: [{ tokenLimit: 256n }] },
    candidates: 200n,
    verify: { count: 2, rungs: [{ tokenLimit: 256n }] },
    predictor: { id: 'nearest', options: { neighbours: 4 } },
    strategy: { id: 'random' },
    rounds: 1,
    controls: [Control.UNIFORM_PAPER],
    seed: 3n,
    output: 'winner',
  };
}

async function firstPair(client: PrunecastClient, studyId: string): Promise<{ readonly rates: readonly number[] }> {
  const { trials } = await client.services.studies.listTrials({ studyId, pageSize: 1 });
  const [trial] = trials;
  if (trial === undefined) throw new Error('the study has no trials');
  return trial;
}

function startServer(...flags: string[]): ChildProcess {
  return spawn(
    process.execPath,
    [
      join(packageRoot, 'dist/src/cli/main.js'),
      'serve',
      '--model-root',
      join(ROOT, 'models'),
      '--data-root',
      join(ROOT, 'models'),
      '--output-root',
      'outputs',
      '--state-dir',
      'state',
      '--listen',
      `unix:${join(folder, 'server.sock')}`,
      '--threads',
      '1',
      '--log-level',
      'silent',
      ...flags,
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
}

interface Served {
  readonly client: PrunecastClient;
  stop(): Promise<void>;
}

async function serve(...flags: string[]): Promise<Served> {
  const child = startServer(...flags);
  const errors = readAll(child);
  const closed = once(child, 'close');
  const lines = createInterface(child.stdout ?? process.stdin);
  const line = await Promise.race([
    once(lines, 'line'),
    closed.then(async () => Promise.reject(new Error(await errors))),
  ]);
  const client = createClient({ address: (JSON.parse(String(line[0])) as { readonly address: string }).address });
  return {
    client,
    stop: async () => {
      client.close();
      child.kill('SIGTERM');
      await closed;
    },
  };
}

async function readAll({ stderr }: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of stderr ?? []) text += String(chunk);
  return text;
}
