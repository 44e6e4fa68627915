import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { addErrorColumns } from '../../src/core/features/error-table.js';
import { pairBand } from '../../src/core/budget/budget.js';
import type { Precision } from '../../src/core/measurement.js';
import type { EvaluationPlan } from '../../src/core/ports/evaluator.js';
import { createRng } from '../../src/core/random.js';
import { countScored } from '../../src/core/sequence.js';
import { countsKey, decodeCounts, encodePoints, type Counts } from '../../src/core/space/search-space.js';
import { digestOf } from '../../src/engine/files/digest.js';
import multipleChoice from '../../src/plugins/evaluators/multiple-choice.js';
import perplexity from '../../src/plugins/evaluators/perplexity.js';
import { listUniformBest } from '../../src/search/controls/uniform.js';
import { createBudgetSampler } from '../../src/search/sampling/budget-sampler.js';
import { drawDistinct, drawNear } from '../../src/search/sampling/draw-points.js';
import { DEFAULT_PAIRS, DEFAULT_TEXT_SHARES } from '../../src/server/requests/defaults.js';
import type { PrunedModel } from '../open-pruned-model.js';
import type { Labelled, LabelledArchitecture } from './compare-labels.js';

/** How many architectures are asked for at once: those that are done are kept when a run is stopped. */
const ARCHITECTURES_A_STEP = 8;

/** What is measured of each architecture. */
export interface Measured {
  readonly questions: EvaluationPlan;
  readonly windows: EvaluationPlan;
}

/**
 * Plans questions, in the form of the data sets of multiple choice, and windows of the model's own text.
 *
 * @param spec.rows of `query`, `choices` and `gold`
 * @param spec.limit so many questions, spread over the rows
 * @param spec.windowTokens tokens of the windows together
 */
export async function planMeasured(
  { model, tokenizer, text }: PrunedModel,
  {
    rows,
    limit,
    windowTokens,
    precision,
  }: {
    readonly rows: readonly Readonly<Record<string, unknown>>[];
    readonly limit: number;
    readonly windowTokens: number;
    readonly precision: Precision;
  },
): Promise<Measured> {
  const bos = text.bosToken !== undefined;
  const questions = await multipleChoice.plan(
    {
      files: [{ name: 'questions', rows: rows.map((values, index) => ({ line: index + 1, values })) }],
      digest: digestOf(rows),
      tokenizerDigest: 'tokenizer',
      shape: model.shape,
      maxPositions: model.checkpoint.config.maxPositions,
      tokenize: async (texts) => [...(await tokenizer.encodeAll(texts))],
      ...(text.bosToken === undefined ? {} : { bosToken: text.bosToken }),
    },
    { precision },
    multipleChoice.options.parse({ limit, bos }),
  );
  const windows = perplexity.plan(
    text,
    { window: 128, stride: 128, bos, part: DEFAULT_TEXT_SHARES.search, tokenLimit: windowTokens, precision },
    {},
  );
  return { questions, windows };
}

/**
 * Draws architectures in the band of pairs, half of them all over it and half near the uniform shape, and labels them.
 *
 * @param cache a file that keeps the labels, one a line
 */
export async function labelArchitectures(
  opened: PrunedModel,
  measured: Measured,
  { count, cache }: { readonly count: number; readonly cache: string | undefined },
): Promise<Labelled> {
  const { space, tables } = opened;
  const points = drawPoints(opened, count);
  const task = digestOf([
    measured.questions.measurement,
    measured.questions.fidelity,
    measured.windows.measurement,
    measured.windows.fidelity,
  ]);
  const keyOf = (counts: Counts): string => [opened.model.checkpoint.digest, task, countsKey(counts)].join(' ');
  const known = await readCache(cache);
  const missing = points.filter((counts) => !known.has(keyOf(counts)));
  for (let at = 0; at < missing.length; at += ARCHITECTURES_A_STEP) {
    const step = missing.slice(at, at + ARCHITECTURES_A_STEP);
    for await (const { index, label } of measure(opened, measured, step)) {
      const key = keyOf(step[index] ?? []);
      known.set(key, label);
      if (cache !== undefined) appendFileSync(cache, `${JSON.stringify([key, label])}\n`);
    }
  }
  const dimensions = space.dimensions.map(({ name }) => name);
  const pairs = addErrorColumns(
    { dimensions, rates: encodePoints(space, points).rates, targets: new Float64Array(points.length) },
    tables,
  );
  return {
    dimensions: pairs.dimensions,
    rates: pairs.rates,
    architectures: points.map((counts) => {
      const label = known.get(keyOf(counts));
      if (label === undefined) throw new RangeError('each architecture has a label');
      return label;
    }),
    tokensOfQuestion: measured.questions.fidelity.tokens / measured.questions.fidelity.items.length,
    scoredOfWindow: countScored(measured.windows.sequences) / measured.windows.sequences.length,
  };
}

function drawPoints({ space, budgets }: PrunedModel, count: number): Counts[] {
  const [budget] = budgets;
  const [uniform] = listUniformBest(space, budgets);
  if (budget === undefined || uniform === undefined) throw new RangeError('the budget has a uniform shape');
  const sampler = createBudgetSampler({ space, band: pairBand(space, budget, DEFAULT_PAIRS.band) });
  const rng = createRng(1);
  const taken = new Set<string>();
  const free = drawDistinct(sampler, Math.ceil(count / 2), rng.fork('free'), taken);
  const near = drawNear(space, sampler, uniform, count - free.length, rng.fork('near'), taken);
  // In turn, so that each beginning has both.
  return free.flatMap((own, index) => [own, ...near.slice(index, index + 1)]);
}

async function* measure(
  { subject, space, model }: PrunedModel,
  { questions, windows }: Measured,
  points: readonly Counts[],
): AsyncGenerator<{ readonly index: number; readonly label: LabelledArchitecture }> {
  const work = { signal: new AbortController().signal };
  const architectures = points.map((counts) => decodeCounts(space, counts));
  const sequences = [...questions.sequences, ...windows.sequences];
  const spans = questions.sequences.length;
  for await (const { index, losses, hits } of subject.observe(
    architectures,
    { sequences, precision: questions.fidelity.precision },
    work,
  )) {
    const { items } = await multipleChoice.reduce(
      {
        losses: losses.subarray(0, spans),
        hits: hits.subarray(0, spans),
        shape: model.shape,
        architecture: architectures[index] ?? [],
      },
      questions,
      multipleChoice.options.parse({}),
      work,
    );
    yield {
      index,
      label: {
        correct: [...(items.correct ?? [])],
        margins: [...(items.margin ?? [])].map(round),
        losses: [...losses.subarray(spans)].map(round),
      },
    };
  }
}

function round(value: number): number {
  return Number(value.toFixed(5));
}

async function readCache(cache: string | undefined): Promise<Map<string, LabelledArchitecture>> {
  const stored = cache === undefined ? '' : await readFile(cache, 'utf8').catch(() => '');
  const lines = stored.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line) as [string, LabelledArchitecture]));
}
