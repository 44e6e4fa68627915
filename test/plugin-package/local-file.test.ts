import { cp, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContainerModule } from 'inversify';
import { PluginKind, TrialRole, type LayerArchitecture } from '../../src/client/index.js';
import { importPlugins } from '../../src/plugin-host/import-plugins.js';
import { BUILTIN_PLUGINS } from '../../src/plugins/builtin/list.js';
import { startServer } from '../../src/server/start-server.js';
import { TOKENS } from '../../src/server/tokens.js';
import { readJsonLines, runCli } from '../cli/run-cli.js';
import { listTrials, MODELS_ROOT, smallSearch, startVerbServer, type VerbServer } from '../server/verbs/verb-server.js';
import { makeFolder } from '../support/test-server.js';

/* Plug-ins that are one file of a user's own, outside of the source tree, in searches of the demo model. */

let folder: string;
beforeAll(async () => {
  folder = await makeFolder();
  await cp(resolve(import.meta.dirname, '../fixtures/local'), folder, { recursive: true });
  await mkdir(join(folder, 'node_modules'));
  await symlink(resolve(import.meta.dirname, '../..'), join(folder, 'node_modules/prunecast'));
});
afterAll(() => rm(folder, { recursive: true }));

const start = (...files: readonly string[]) =>
  startVerbServer({ config: { plugins: files.map((file) => join(folder, file)) } });

/** What a search prints of its report. */
interface Report {
  readonly winner: {
    readonly parameters: string;
    readonly architecture: { readonly layers: readonly LayerArchitecture[] };
  };
}

/** What the strategy in `rising.js` never breaks, and random candidates hardly ever keep. */
const isRising = ({ layers }: { readonly layers: readonly LayerArchitecture[] }): boolean =>
  layers.every(({ ffnChannels }, at) => ffnChannels >= (layers[at - 1]?.ffnChannels ?? 0));

const searchBy = async ({ client }: VerbServer, id: string) => {
  const report = await client.runSearch(smallSearch({ strategy: { id }, candidates: 120n, output: id }));
  const trials = await listTrials(client, report.studyId);
  const finalists = trials
    .filter(({ role }) => role === TrialRole.FINALIST)
    .map(({ architecture }) => architecture?.layers);
  return { report, finalists: finalists.map((layers) => ({ layers: layers ?? [] })) };
};

describe('a strategy in a single local file', { timeout: 180_000 }, () => {
  let own: Awaited<ReturnType<typeof searchBy>>;
  let written: unknown;
  beforeAll(async () => {
    await using verbs = await start('rising.js');
    own = await searchBy(verbs, 'rising');
    written = JSON.parse(await readFile(verbs.path('outputs/rising/prunecast.json'), 'utf8')) as unknown;
  }, 120_000);

  it('drives a search to its winner: all that is verified is what the file proposes', async () => {
    expect(own.report.predicted).toBe(120n);
    expect(own.finalists).toHaveLength(3);
    expect(own.finalists.filter(isRising)).toHaveLength(3);
    const { winner } = own.report;
    expect(winner?.metrics['perplexity']).toBeGreaterThan(1);
    expect(own.finalists).toContainEqual({ layers: winner?.architecture?.layers });
    expect(written).toMatchObject({ recipe: { criterion: { id: 'magnitude' } } });
    await using builtIn = await startVerbServer();
    const random = await searchBy(builtIn, 'random');
    expect(random.finalists).toHaveLength(3);
    expect(random.finalists.filter(isRising).length).toBeLessThan(3);
    await expect(searchBy(builtIn, 'rising')).rejects.toMatchObject({ reason: 'PLUGIN_NOT_FOUND' });
  });

  it('drives the same search to the same winner where no built-in strategy is there', async () => {
    const file = new URL(`file://${join(folder, 'rising.js')}`);
    const source = {
      load: async () => [
        ...BUILTIN_PLUGINS.filter((entry) => entry.plugin.kind !== 'strategy'),
        ...(await importPlugins(file.href)).map((plugin) => ({ plugin, moduleUrl: file })),
      ],
    };
    await using verbs = await startVerbServer({
      startServer,
      modules: [new ContainerModule(({ bind }) => void bind(TOKENS.pluginSource).toConstantValue(source))],
    });
    const { plugins } = await verbs.client.services.catalog.listPlugins({});
    expect(plugins.filter(({ kind }) => kind === PluginKind.STRATEGY).map(({ id }) => id)).toEqual(['rising']);
    const { report } = await searchBy(verbs, 'rising');
    expect(report.winner?.architecture).toEqual(own.report.winner?.architecture);
    expect(report.winner?.metrics).toEqual(own.report.winner?.metrics);
    await expect(searchBy(verbs, 'random')).rejects.toMatchObject({ reason: 'PLUGIN_NOT_FOUND' });
  });

  it('drives a search of the command line by its path', async () => {
    const model = join(MODELS_ROOT, 'stories260k');
    const words = `--remove 20% --protect none --criterion magnitude --compensation none --pairs 24 --pair-tokens 128
      --rounds 1 --candidates 60 --verify 2 --verify-tokens 128 --report-tokens 128 --predictor ridge
      --controls uniform-paper --plugin ./rising.js --strategy rising --json`;
    const { code, stdout, stderr } = await runCli(
      ['search', '--model', model, '--text', join(model, 'stories.json'), ...words.split(/\s+/)],
      { cwd: folder, environment: { PRUNECAST_STATE_DIRECTORY: join(folder, 'state') } },
    );
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const events = readJsonLines(stdout) as readonly Readonly<Record<string, unknown>>[];
    const { ended } = events.at(-1) as { readonly ended: { readonly search: Report } };
    expect(isRising(ended.search.winner.architecture)).toBe(true);
    expect(ended.search).toMatchObject({ predicted: '60', verified: 2 });
    expect(Number(ended.search.winner.parameters)).toBeLessThanOrEqual(0.8 * 260_032);
  });
});

/** What a search by `auto` among these and the built-in trees came to: the scores, by plug-in, and what was chosen. */
const chooseAmong = async ({ client }: VerbServer, ...own: readonly string[]) => {
  const report = await client.runSearch(
    smallSearch({
      pairs: { count: 64, rungs: [{ tokenLimit: 256n }] },
      predictor: { id: 'auto', options: { among: ['xgboost', 'random-forest', ...own] } },
    }),
  );
  const { predictor } = await client.services.predictors.getPredictor({ predictorId: report.predictorId });
  const scores = Object.fromEntries(report.predictorScores.map((score) => [score.backend, score]));
  return { scores, leads: predictor?.backend, winner: report.winner };
};

describe('a predictor in a single local file, beside built-in ones in `auto`', { timeout: 180_000 }, () => {
  it('leads a search where it predicts best, and does not where it tells nothing apart', async () => {
    await using verbs = await start('totals.js', 'average.js');
    const { scores, leads, winner } = await chooseAmong(verbs, 'totals', 'average');
    const { xgboost, totals, average, 'random-forest': forest } = scores;
    for (const score of [xgboost, forest, totals, average])
      expect(score).toMatchObject({ notTried: '', metric: 'perplexity', quality: { split: '5-fold' } });
    const [good, bad] = [totals, average].map((score) => score?.quality?.kendallTau ?? Number.NaN);
    for (const builtIn of [xgboost, forest]) {
      expect(good).toBeGreaterThan(builtIn?.quality?.kendallTau ?? Number.NaN);
      expect(bad).toBeLessThan(builtIn?.quality?.kendallTau ?? Number.NaN);
    }
    expect(Object.values(scores).flatMap(({ chosen, backend }) => (chosen ? [backend] : []))).toEqual(['totals']);
    expect(leads).toBe('totals');
    expect(winner?.metrics['perplexity']).toBeGreaterThan(1);
    const without = await chooseAmong(verbs, 'average');
    expect(without.leads).toMatch(/^(xgboost|random-forest)$/);
    expect(without.scores['average']?.chosen).toBe(false);
  });
});
