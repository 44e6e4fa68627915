import { readdir, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DeepPartial, PairSet, Recipe } from '../../../src/client/index.js';
import { makeFolder } from '../../support/test-server.js';
import { CALIBRATION, DEMO, MAGNITUDE, REFERENCE_TEXT, smallSearch, startVerbServer } from './verb-server.js';

const PLUGINS = resolve(import.meta.dirname, '../../fixtures/hosted-plugins.mjs');

/** What the server's log has of a plug-in. */
interface Line {
  readonly plugin?: string;
  readonly msg: string;
  readonly run: number;
  readonly aborted: boolean;
}

const PAIRS: DeepPartial<PairSet> = {
  dimensions: ['layers.0.ffn_channels'],
  model: DEMO,
  measurementFingerprint: 'm',
  fidelityDigest: 'f',
  pairs: Array.from({ length: 12 }, (_, row) => ({ rates: [row / 20], metrics: { perplexity: 4 + row } })),
};

/** Each plug-in once or more, in a server of its own that is stopped then. Returns its log. */
async function visitAll(folder: string, run: number): Promise<Line[]> {
  const lines: Line[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  const hosted = (id = 'hosted') => ({ id, options: { run } });
  const recipe: DeepPartial<Recipe> = { criterion: hosted(), compensation: hosted(), calibration: CALIBRATION };
  await using verbs = await startVerbServer({ folder, log, config: { plugins: [PLUGINS] } });
  const { client } = verbs;
  const cut = { model: DEMO, selection: { $case: 'uniformRate', value: 0.2 } } as const;
  await client.runPrune({
    ...cut,
    recipe,
    recovery: { plugin: hosted() },
    exporter: hosted(),
    output: `output-${run}`,
  });
  await client.runPrune({
    ...cut,
    recipe: { ...MAGNITUDE, criterion: hosted('hosted-whole') },
    output: `whole-${run}`,
  });
  await client.runEvaluate({
    model: DEMO,
    measurement: { evaluator: hosted(), text: REFERENCE_TEXT },
    fidelity: { tokenLimit: 256n },
  });
  for (const id of ['hosted', 'hosted-apart'])
    await client.runFitPredictor({ source: { $case: 'pairs', value: PAIRS }, predictor: hosted(id) });
  await client.runSearch(smallSearch({ strategy: hosted(), output: '' }));
  await vi.waitFor(() => expect(new Set(visitsOf(lines).map(({ plugin }) => plugin)).size).toBe(ALL.length));
  return visitsOf(lines);
}

const visitsOf = (lines: readonly Line[]): Line[] => lines.filter(({ msg }) => msg.endsWith('its file'));

/** Those that found no file of theirs. */
const writersOf = (lines: readonly Line[]): (string | undefined)[] =>
  [...new Set(lines.filter(({ msg }) => msg === 'wrote its file').map(({ plugin }) => plugin))].toSorted();

const ALL = [
  'compensation hosted',
  'criterion hosted',
  'criterion hosted-whole',
  'evaluator hosted',
  'exporter hosted',
  'predictor hosted',
  'predictor hosted-apart',
  'recovery hosted',
  'strategy hosted',
];

describe('the context of plug-ins, in the server, in its threads and in processes', () => {
  let folder: string;
  const runs: Line[][] = [];
  beforeAll(async () => {
    folder = await makeFolder();
    for (const run of [1, 2]) runs.push(await visitAll(folder, run));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('takes their lines to the log of their own server, with kind and id', () => {
    for (const [at, lines] of runs.entries()) {
      expect([...new Set(lines.map(({ plugin }) => plugin))].toSorted()).toEqual(ALL);
      for (const line of lines) expect(line).toMatchObject({ level: 30, run: at + 1, aborted: false });
    }
  });

  it('has a private folder for each of them in the state folder', async () => {
    const plugins = resolve(folder, 'state/plugins');
    expect((await readdir(plugins)).toSorted()).toEqual(ALL.map((name) => name.replace(' ', '-')));
    for (const name of await readdir(plugins)) expect(await readdir(resolve(plugins, name))).toEqual(['visited']);
    expect((await stat(plugins)).mode & 0o077).toBe(0);
  });

  it('finds in the folder what an earlier server left there', () => {
    const [first = [], second = []] = runs;
    expect(writersOf(first)).toEqual(ALL);
    expect(writersOf(second)).toEqual([]);
  });
});
