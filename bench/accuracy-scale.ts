import { readFile, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Precision } from '../src/core/measurement.js';
import { compareLabels } from './accuracy-scale/compare-labels.js';
import { formatOutcomes, summariseOutcomes } from './accuracy-scale/format-outcomes.js';
import { labelArchitectures, planMeasured } from './accuracy-scale/label-architectures.js';
import { makeStoryQuestions } from './accuracy-scale/story-questions.js';
import { openPrunedModel } from './open-pruned-model.js';

/*
 * npm run bench:accuracy-scale -- --model DIR --text FILE (--questions FILE | --stories FILE) [--json FILE] [--cache FILE]:
 * which label a predictor should be fitted on to rank architectures by accuracy: the accuracy, its logit, the margin,
 * or the log perplexity of a text. Questions are rows of multiple choice (JSON lines), or made of a JSON list of stories
 * that the text does not have. Labels are kept in --cache.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/stories260k' },
    text: { type: 'string', default: 'models/stories260k/stories.json' },
    questions: { type: 'string' },
    stories: { type: 'string' },
    json: { type: 'string' },
    cache: { type: 'string' },
    remove: { type: 'string', default: '0.2' },
    architectures: { type: 'string', default: '144' },
    fitted: { type: 'string', default: '96' },
    asked: { type: 'string', default: '500' },
    'window-tokens': { type: 'string', default: '5120' },
    precision: { type: 'string', default: 'float32' },
    counts: { type: 'string', default: '20,60,200' },
    seeds: { type: 'string', default: '20' },
  },
});
const source = flags.questions ?? flags.stories;
if (source === undefined)
  throw new Error('usage: npm run bench:accuracy-scale -- --model DIR --text FILE (--questions FILE | --stories FILE)');
const rows = await readQuestions();
const opened = await openPrunedModel({
  directory: resolve(flags.model),
  text: resolve(flags.text),
  remove: Number(flags.remove),
});
const measured = await planMeasured(opened, {
  rows,
  limit: Number(flags.asked),
  windowTokens: Number(flags['window-tokens']),
  precision: flags.precision as Precision,
});
const labelled = await labelArchitectures(opened, measured, {
  count: Number(flags.architectures),
  cache: flags.cache,
});
await opened.model.close();
const counts = flags.counts.split(',').map(Number);
const outcomes = await compareLabels(labelled, { fitted: Number(flags.fitted), counts, seeds: Number(flags.seeds) });
const summary = {
  model: basename(flags.model),
  questions: basename(source),
  settings: {
    removed_share: Number(flags.remove),
    architectures: labelled.architectures.length,
    fitted: Number(flags.fitted),
    questions: measured.questions.fidelity.items.length,
    tokens_a_question: Math.round(labelled.tokensOfQuestion),
    window_tokens: Number(flags['window-tokens']),
    precision: flags.precision,
    splits: Number(flags.seeds),
  },
  accuracy: describeAccuracy(),
  rows: summariseOutcomes(outcomes),
};
console.log(JSON.stringify(summary.settings), JSON.stringify(summary.accuracy));
console.log(formatOutcomes(summary.rows));
if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(summary, undefined, 2)}\n`);

async function readQuestions(): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const content = await readFile(source ?? '', 'utf8');
  if (flags.questions !== undefined)
    return content
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const known = new Set(JSON.parse(await readFile(flags.text, 'utf8')) as string[]);
  return makeStoryQuestions((JSON.parse(content) as string[]).filter((story) => !known.has(story)));
}

/** Of the labelled architectures on all questions: the least, the median and the best. */
function describeAccuracy(): readonly number[] {
  const sorted = labelled.architectures
    .map(({ correct }) => correct.reduce((sum, value) => sum + value, 0) / correct.length)
    .toSorted((a, b) => a - b);
  return [0, 0.5, 1].map((share) => Number((sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(4)));
}
