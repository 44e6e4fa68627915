import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient, PredictorFeatures, startLocalServer, type DeepPartial, type SearchRequest } from '../src/client/index.js';
import { describeEvent } from '../src/cli/output/describe-event.js';
import { createProgressDisplay } from '../src/cli/output/progress.js';
import { formatTable } from '../src/cli/output/table.js';
import type { StudyReport } from '../src/gen/prunecast/v1/study_types.js';
import { studyPhaseToJSON } from '../src/gen/prunecast/v1/study_types.js';
import { describeCpu } from './describe-cpu.js';

/**
 * One whole Search on a model of the user's, and what became of it: winner, controls, lifts, the predictor's quality,
 * tokens and seconds by phase. `--text` serves all parts; each can have a file of its own.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    json: { type: 'string' },
    text: { type: 'string' },
    calibration: { type: 'string' },
    search: { type: 'string' },
    verify: { type: 'string' },
    report: { type: 'string' },
    remove: { type: 'string', default: '0.2' },
    pairs: { type: 'string', default: '200' },
    'pair-tokens': { type: 'string', default: '4096' },
    'tie-run': { type: 'string', default: '4' },
    'verify-tokens': { type: 'string', default: '16384' },
    'report-tokens': { type: 'string', default: '32768' },
    window: { type: 'string', default: '128' },
    bos: { type: 'boolean', default: false },
    criterion: { type: 'string', default: '' },
    compensation: { type: 'string', default: '' },
    predictor: { type: 'string', default: '' },
    features: { type: 'string', default: 'rates' },
    strategy: { type: 'string', default: '' },
    seed: { type: 'string', default: '0' },
    target: { type: 'string', default: 'per-layer' },
    'keep-state': { type: 'string' },
  },
});

const USAGE = 'usage: npm run bench:search -- --model DIR --text FILE [--calibration FILE --search FILE --verify FILE --report FILE] [--json FILE]';
if (flags.model === undefined || (flags.text === undefined && flags.report === undefined)) throw new Error(USAGE);
const model = resolve(flags.model);
const folder = await mkdtemp(join(tmpdir(), 'prunecast-bench-'));
try {
  const texts = [flags.text, flags.calibration, flags.search, flags.verify, flags.report].flatMap((path) => (path === undefined ? [] : [resolve(path)]));
  const server = await startLocalServer({
    environment: {
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_STATE_DIRECTORY: flags['keep-state'] === undefined ? join(folder, 'state') : resolve(flags['keep-state']),
      PRUNECAST_MODEL_ROOTS: dirname(model),
      PRUNECAST_DATA_ROOTS: [...new Set(texts.map((path) => dirname(path)))].join(':'),
      PRUNECAST_OUTPUT_ROOT: folder,
    },
  });
  const client = createClient({ address: server.address });
  const progress = createProgressDisplay(process.stderr);
  try {
    const report = await client.runSearch(describeRequest(), {
      onEvent(event) {
        if (event.payload?.$case === 'progress') return progress.update(event.payload.value);
        const line = describeEvent(event);
        if (line !== undefined) progress.note(line);
      },
    });
    progress.end();
    await show(report);
  } finally {
    client.close();
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

function describeRequest(): DeepPartial<SearchRequest> {
  return {
    model: basename(model),
    budgets: [{ limit: { $case: 'removedShare', value: Number(flags.remove) } }],
    texts: { text: text(flags.text), calibration: text(flags.calibration), search: text(flags.search), verify: text(flags.verify), report: text(flags.report) },
    windows: { window: Number(flags.window), bos: flags.bos },
    pairs: { count: Number(flags.pairs), tieRun: Number(flags['tie-run']), rungs: [{ tokenLimit: BigInt(flags['pair-tokens']) }] },
    verify: { rungs: [{ tokenLimit: BigInt(flags['verify-tokens']) }] },
    report: { tokenLimit: BigInt(flags['report-tokens']) },
    recipes: [{ criterion: plugin(flags.criterion), compensation: plugin(flags.compensation) }],
    predictor: plugin(flags.predictor),
    features: flags.features === 'rates-and-errors' ? PredictorFeatures.RATES_AND_ERRORS : PredictorFeatures.RATES,
    strategy: plugin(flags.strategy),
    seed: BigInt(flags.seed),
    space: { target: flags.target === 'uniform' ? 2 : 1 },
  };
}

function text(path: string | undefined) {
  return path === undefined ? undefined : { source: { $case: 'path', value: basename(path) } as const };
}

function plugin(id: string) {
  return id === '' ? undefined : { id };
}

async function show(report: StudyReport): Promise<void> {
  const [metric = 'perplexity'] = Object.keys(report.winner?.metrics ?? {});
  const lifts = new Map(report.lifts.map((lift) => [lift.control, lift]));
  const rows = [report.dense, ...report.controls, report.winner].flatMap((row) => (row === undefined ? [] : [row]));
  console.log(formatTable(
    ['', 'parameters', metric, 'lift of the winner', '95 % interval'],
    rows.map(({ name, parameters, metrics }) => {
      const lift = lifts.get(name);
      return [name, parameters.toLocaleString('en'), (metrics[metric] ?? NaN).toFixed(3), lift === undefined ? '' : percent(lift.lift), lift === undefined ? '' : `${percent(lift.low)} to ${percent(lift.high)}`];
    }),
  ).join('\n'));
  console.log(report.summary);
  const controls = Object.fromEntries(report.controls.map(({ name, parameters, metrics }) => {
    const lift = lifts.get(name);
    return [name.replace('-', '_'), { parameters: Number(parameters), report_perplexity: metrics[metric], lift: lift?.lift, lift_interval: [lift?.low, lift?.high] }];
  }));
  const phases = report.phases.map(({ phase, tokens, seconds }) => [studyPhaseToJSON(phase).replace('STUDY_PHASE_', '').toLowerCase(), Number(tokens), seconds] as const);
  const summary = {
    cpu: describeCpu(availableParallelism()),
    dense: { parameters: Number(report.dense?.parameters), report_perplexity: report.dense?.metrics[metric] },
    winner: { parameters: Number(report.winner?.parameters), report_perplexity: report.winner?.metrics[metric], layers: report.winner?.architecture?.layers },
    controls,
    predictors: describePredictors(report),
    tokens_by_phase: Object.fromEntries(phases.map(([phase, tokens]) => [phase, tokens])),
    seconds_by_phase: Object.fromEntries(phases.map(([phase, , seconds]) => [phase, seconds])),
    // Files by name alone: where they lie says nothing about the result.
    settings: Object.fromEntries(Object.entries(flags).flatMap(([flag, value]) => (flag === 'json' || flag === 'keep-state' ? [] : [[flag, typeof value === 'string' ? basename(value) : value]]))),
  };
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(summary, undefined, 2)}\n`);
}

/** Of each predictor by cross-validation where one was chosen, else of the named one on the 7:3 split. */
function describePredictors({ predictorScores, fitQuality }: StudyReport): Readonly<Record<string, object>> {
  if (predictorScores.length === 0) return { [flags.predictor || 'xgboost']: { kendall_tau: fitQuality?.kendallTau, r2: fitQuality?.r2 } };
  return Object.fromEntries(predictorScores.map(({ backend, chosen, quality, notTried }) => [
    backend,
    quality === undefined ? { not_tried: notTried } : { kendall_tau: quality.kendallTau, r2: quality.r2, split: quality.split, chosen },
  ]));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
