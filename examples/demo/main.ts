import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  createClient,
  startLocalServer,
  type DeepPartial,
  type PrunecastClient,
  type Text,
} from '../../src/client/index.js';
import { formatCount, formatShare } from '../../src/cli/output/format.js';
import { createProgressDisplay } from '../../src/cli/output/progress.js';
import { showEvent } from '../../src/cli/output/show-event.js';
import { formatTable } from '../../src/cli/output/table.js';
import { PACKAGE_ROOT } from '../../src/cli/proto/package-root.js';
import { checkOutcome, type Measured, type Outcome } from './check-outcome.js';
import { sumTokens } from './sum-tokens.js';

/**
 * The whole path on a real, tiny model: search at 20 % fewer parameters, write the winner, load it again, measure it
 * again. Ends with exit code 1 if a check fails. `--json FILE` writes the numbers.
 */

const MODELS = fileURLToPath(new URL('models/', PACKAGE_ROOT));
const WINDOWS = { window: 128, bos: true };
const REMOVED_SHARE = 0.2;

const { values: flags } = parseArgs({ options: { json: { type: 'string' } } });
const folder = await mkdtemp(join(tmpdir(), 'prunecast-demo-'));
try {
  const server = await startLocalServer({
    environment: {
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_MODEL_ROOTS: `${MODELS}:${folder}`,
      PRUNECAST_DATA_ROOTS: MODELS,
      PRUNECAST_OUTPUT_ROOT: folder,
    },
  });
  const client = createClient({ address: server.address });
  try {
    await runDemo(client);
  } finally {
    client.close();
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function runDemo(client: PrunecastClient): Promise<void> {
  const start = performance.now();
  const texts = splitStories(JSON.parse(await readFile(join(MODELS, 'stories260k/stories.json'), 'utf8')) as string[]);
  const progress = createProgressDisplay(process.stderr);
  const report = await client.runSearch(
    {
      model: 'stories260k',
      budgets: [{ limit: { $case: 'removedShare', value: REMOVED_SHARE } }],
      space: { protectedLayers: { layers: [] } },
      texts,
      windows: WINDOWS,
      output: 'winner',
    },
    { onEvent: (event) => showEvent(progress, event) },
  );
  progress.end();

  const [reloaded] = await client.runEvaluate({
    model: 'winner',
    measurement: { text: texts.report, windows: WINDOWS },
  });
  const rows = new Map([report.dense, ...report.controls, report.winner].map((row) => [row?.name, row]));
  const measured = (name: string): Measured => ({
    parameters: Number(rows.get(name)?.parameters ?? NaN),
    perplexity: rows.get(name)?.metrics['perplexity'] ?? NaN,
  });
  const outcome: Outcome = {
    dense: measured('dense'),
    uniform_paper: measured('uniform-paper'),
    uniform_best: measured('uniform-best'),
    winner: measured('winner'),
    reloaded: { parameters: reloaded?.costs[0]?.value ?? NaN, perplexity: reloaded?.metrics['perplexity'] ?? NaN },
    pairs: report.pairs,
    predicted: Number(report.predicted),
    verified: report.verified,
    kendall_tau: report.fitQuality?.kendallTau ?? NaN,
    r2: report.fitQuality?.r2 ?? NaN,
    tokens: Number(report.tokensSpent),
    seconds: (performance.now() - start) / 1000,
  };
  const tokens = await sumTokens(client, report.studyId);
  print(outcome, { ...tokens, reloaded: Number(reloaded?.tokensSpent ?? NaN) }, report.summary);
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(outcome, undefined, 2)}\n`);

  const faults = checkOutcome(outcome, {
    removedShare: REMOVED_SHARE,
    prunableLayers: new Set(
      (await client.services.studies.getStudy({ studyId: report.studyId })).study?.dimensions.flatMap(
        ({ layers }) => layers,
      ),
    ).size,
    sameMeasurement: report.measurement?.fingerprint === reloaded?.measurement?.fingerprint,
  });
  for (const fault of faults) console.error(`does not hold: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

/** Each story has only one purpose: what the choice has seen is never in the report. */
function splitStories(stories: readonly string[]): {
  calibration: DeepPartial<Text>;
  search: DeepPartial<Text>;
  verify: DeepPartial<Text>;
  report: DeepPartial<Text>;
} {
  const join = (from: number, to: number): DeepPartial<Text> => ({
    source: { $case: 'inline', value: stories.slice(from * stories.length, to * stories.length).join('\n\n') },
  });
  return { calibration: join(0, 0.4), search: join(0.4, 0.6), verify: join(0.6, 0.8), report: join(0.8, 1) };
}

function print(outcome: Outcome, tokens: Readonly<Record<string, number>>, summary: string): void {
  const names = ['dense', 'uniform_paper', 'uniform_best', 'winner', 'reloaded'] as const;
  const rows = names.map((name) => {
    const { parameters, perplexity } = outcome[name];
    return [
      name.replace('_', '-'),
      formatCount(parameters),
      formatShare(1 - parameters / outcome.dense.parameters),
      perplexity.toFixed(4),
      formatCount(tokens[name] ?? 0),
    ];
  });
  for (const line of formatTable(['', 'parameters', 'removed', 'perplexity', 'tokens spent'], rows)) console.log(line);
  console.log(`\n${summary}`);
  console.log(
    `${outcome.pairs} pairs, ${formatCount(outcome.predicted)} architectures predicted, ${outcome.verified} verified; Kendall tau ${outcome.kendall_tau.toFixed(2)}, R2 ${outcome.r2.toFixed(2)} on held-out pairs`,
  );
  console.log(`${formatCount(outcome.tokens)} tokens in ${outcome.seconds.toFixed(1)} s`);
}
