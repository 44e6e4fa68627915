import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  createClient,
  CompensationFit,
  Control,
  Effort,
  PredictorFeatures,
  type DeepPartial,
  type JobEvent,
  type RecoverySpec,
  type SearchRequest,
  type Text,
} from '../src/client/index.js';
import { createProgressDisplay } from '../src/cli/output/progress.js';
import { showEvent } from '../src/cli/output/show-event.js';
import type { StudyReport } from '../src/gen/prunecast/v1/study_types.js';
import { describeCpu } from './describe-cpu.js';
import { formatMarkdown } from './search/format-markdown.js';
import { formatSummary } from './search/format-summary.js';
import { measureElsewhere } from './search/measure-elsewhere.js';
import { readWindows } from './search/read-windows.js';
import { summarise } from './search/summarise.js';
import { withOwnServer } from './search/with-own-server.js';

/**
 * One whole Search on a model of the user's, with the server's own defaults, and its results: winner and controls on
 * the report windows and on other texts, lifts, the predictors' quality, tokens and seconds by phase. All controls are
 * measured; `--controls usual` measures those of the server's default.
 *
 * Calibration and search use `--text`; the first two thirds of `--report` are for the report, the last third for
 * verification. `--other` names further texts that nothing has seen: FILE:512:64 takes 64 windows of 512 tokens spread
 * over it, FILE:128:3/200 every third of its first 200 windows of 128. `--recovery distill` trains the winner, on the
 * calibration text or `--recovery-text`; it needs a server of its own. `--address` names a running server that has the
 * folders of model and text as roots; without it one is started. A run that was cut off resumes with the same
 * `--request-id`, at that address or with the same `--keep-state`.
 */
const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    text: { type: 'string' },
    report: { type: 'string' },
    other: { type: 'string', multiple: true, default: [] },
    remove: { type: 'string', default: '0.2' },
    window: { type: 'string', default: '512' },
    'report-tokens': { type: 'string', default: '32768' },
    'verify-tokens': { type: 'string' },
    bos: { type: 'boolean', default: false },
    pairs: { type: 'string' },
    'inside-pairs': { type: 'string' },
    'pair-tokens': { type: 'string' },
    rounds: { type: 'string' },
    finalists: { type: 'string' },
    criterion: { type: 'string' },
    compensation: { type: 'string' },
    predictor: { type: 'string' },
    features: { type: 'string' },
    strategy: { type: 'string' },
    controls: { type: 'string' },
    effort: { type: 'string' },
    fit: { type: 'string' },
    recovery: { type: 'string' },
    'recovery-option': { type: 'string', multiple: true, default: [] },
    'recovery-text': { type: 'string' },
    'recovery-sequences': { type: 'string' },
    seed: { type: 'string', default: '0' },
    'keep-state': { type: 'string' },
    address: { type: 'string' },
    'request-id': { type: 'string' },
  },
});

const USAGE =
  'usage: npm run bench:search -- --model DIR --text FILE --report FILE [--other FILE:WINDOW:COUNT | FILE:WINDOW:EVERY/FIRST ...] [--json FILE] [--markdown FILE]';
if (flags.model === undefined || flags.text === undefined || flags.report === undefined) throw new Error(USAGE);
const model = resolve(flags.model);
const [calibration, report] = [resolve(flags.text), await readFile(flags.report, 'utf8')];
if (flags.address === undefined) await withOwnServer({ model, text: calibration, keepState: flags['keep-state'] }, run);
else if (flags.recovery === undefined) await run(flags.address);
else throw new Error('--recovery needs a server of its own, whose output it can evaluate: leave out --address');

async function run(address: string): Promise<void> {
  const client = createClient({ address });
  const progress = createProgressDisplay(process.stderr);
  try {
    const onEvent = (event: JobEvent): void => showEvent(progress, event);
    const found = await client.runSearch(describeRequest(), { onEvent });
    const texts = await readWindows(model, flags.other);
    const elsewhere = await measureElsewhere(client, {
      model: basename(model),
      report: found,
      calibration: pathText(calibration),
      bos: flags.bos,
      texts,
      onEvent,
    });
    progress.end();
    await show(found, elsewhere);
  } finally {
    client.close();
  }
}

function describeRequest(): DeepPartial<SearchRequest> {
  const third = Math.floor((2 * report.length) / 3);
  return {
    requestId: flags['request-id'] ?? '',
    model: basename(model),
    budgets: [{ limit: { $case: 'removedShare', value: Number(flags.remove) } }],
    texts: {
      calibration: pathText(calibration),
      search: pathText(calibration),
      verify: inlineText(report.slice(third)),
      report: inlineText(report.slice(0, third)),
    },
    windows: { window: Number(flags.window), bos: flags.bos },
    pairs: {
      count: toCount(flags.pairs),
      insideCount: toCount(flags['inside-pairs']),
      rungs: flags['pair-tokens'] === undefined ? [] : [{ tokenLimit: BigInt(flags['pair-tokens']) }],
    },
    verify: {
      count: toCount(flags.finalists),
      rungs: (flags['verify-tokens'] ?? '4096,16384').split(',').map((tokens) => ({ tokenLimit: BigInt(tokens) })),
    },
    report: { tokenLimit: BigInt(flags['report-tokens']) },
    ...(flags.criterion === undefined && flags.compensation === undefined
      ? {}
      : { recipes: [{ criterion: plugin(flags.criterion), compensation: plugin(flags.compensation) }] }),
    ...(flags.rounds === undefined ? {} : { rounds: Number(flags.rounds) }),
    predictor: plugin(flags.predictor),
    strategy: plugin(flags.strategy),
    ...(flags.features === undefined
      ? {}
      : { features: flags.features === 'rates' ? PredictorFeatures.RATES : PredictorFeatures.RATES_AND_ERRORS }),
    controls: listControls(flags.controls),
    ...(flags.recovery === undefined ? {} : { recovery: describeRecovery(flags.recovery), output: 'winner' }),
    effort: Effort[(flags.effort ?? 'default').toUpperCase() as keyof typeof Effort],
    ...(flags.fit === undefined
      ? {}
      : { compensationFit: flags.fit === 'stream' ? CompensationFit.STREAM : CompensationFit.ONE_SHOT }),
    seed: BigInt(flags.seed),
  };
}

function describeRecovery(id: string): DeepPartial<RecoverySpec> {
  const options = Object.fromEntries(
    flags['recovery-option'].map((option) => {
      const [name = '', value] = option.split('=');
      return [name, Number(value)];
    }),
  );
  const path = flags['recovery-text'] ?? flags.text;
  return {
    plugin: { id, options },
    text: {
      ...(path === undefined ? {} : { text: pathText(path) }),
      ...(flags['recovery-sequences'] === undefined ? {} : { sequences: Number(flags['recovery-sequences']) }),
    },
  };
}

/** All of them unless some are named; `usual` leaves them to the server. */
function listControls(names: string | undefined): Control[] {
  if (names === 'usual') return [];
  return names === undefined
    ? Object.values(Control).filter((code) => code !== Control.UNSPECIFIED && code !== Control.UNRECOGNIZED)
    : names.split(',').map(toControl);
}

/** A control in the form of reports: `uniform-paper`, `paper-recipe/uniform-paper`. */
function toControl(name: string): Control {
  const found = Object.entries(Control).find(([key]) => key === name.replaceAll(/[-/]/g, '_').toUpperCase());
  if (found === undefined) throw new Error(`there is no control ${name}`);
  return found[1];
}

function toCount(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function pathText(path: string): DeepPartial<Text> {
  return { source: { $case: 'path', value: basename(path) } };
}

function inlineText(value: string): DeepPartial<Text> {
  return { source: { $case: 'inline', value } };
}

function plugin(id: string | undefined) {
  return id === undefined ? undefined : { id };
}

async function show(found: StudyReport, elsewhere: Awaited<ReturnType<typeof measureElsewhere>>): Promise<void> {
  const summary = summarise(found, elsewhere);
  console.log(formatSummary(summary));
  console.log(found.summary);
  // Only the names of files: their folders say nothing about the result.
  const settings = Object.fromEntries(
    Object.entries(flags).flatMap(([flag, value]) =>
      ['json', 'markdown', 'keep-state', 'address', 'request-id'].includes(flag)
        ? []
        : [
            [
              flag,
              Array.isArray(value)
                ? value.map(nameFile)
                : typeof value === 'string' && ['model', 'text', 'report', 'recovery-text'].includes(flag)
                  ? basename(value)
                  : value,
            ],
          ],
    ),
  );
  const difference = `${summary.recovered === null ? '' : ', with its winner trained'}${flags.fit === 'one-shot' ? ', one-shot' : ''}`;
  if (flags.markdown !== undefined)
    await writeFile(flags.markdown, formatMarkdown(`A search on ${basename(model)}${difference}`, summary, settings));
  if (flags.json !== undefined)
    await writeFile(
      flags.json,
      `${JSON.stringify({ cpu: describeCpu(availableParallelism()), ...summary, settings }, undefined, 2)}\n`,
    );
}

/** FILE:WINDOW:CHOICE with only the file's name. */
function nameFile(spec: string): string {
  const [path = '', ...choice] = spec.split(':');
  return [basename(path), ...choice].join(':');
}
