import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identityRanking } from '../../../src/core/model/units.js';
import type { Evaluation } from '../../../src/core/metric.js';
import type { EvaluationPlan, EvaluationRows, RowsEvaluator } from '../../../src/core/ports/evaluator.js';
import mmlu from '../../../src/plugins/evaluators/mmlu.js';
import multipleChoice from '../../../src/plugins/evaluators/multiple-choice.js';
import { readDataFiles } from '../../../src/server/texts/read-data-files.js';
import { unattended, withModel } from '../../support/demo-model.js';
import { readJsonLines, rowsFor } from '../../support/question-rows.js';
import { hasShared, sharedPath } from '../../support/shared.js';

const SMOLLM2 = resolve(import.meta.dirname, '../../../checkpoints/smollm2-135m-instruct');
const hasModel = hasShared && existsSync(SMOLLM2);

const ANSWERS = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../reference/mmlu-answers.json'), 'utf8')) as {
  readonly questions: readonly { readonly subject: string; readonly gold: string; readonly answer: string }[];
};

interface Recorded {
  readonly results: { readonly acc: number; readonly acc_norm?: number };
  readonly rows: readonly {
    readonly log_likelihoods: readonly number[];
    readonly continuation_tokens: readonly number[];
    readonly context_tokens: readonly number[];
    readonly acc: number;
    readonly acc_norm?: number;
  }[];
}

function readRecorded(name: string): Recorded {
  return JSON.parse(
    readFileSync(sharedPath('reference/lm-eval/smollm2-135m-instruct', `${name}.json`), 'utf8'),
  ) as Recorded;
}

interface Case {
  readonly recorded: string;
  readonly rows: () => Promise<EvaluationRows>;
  readonly evaluator: RowsEvaluator<never>;
  readonly options: unknown;
  /** What the harness calls what. */
  readonly scores: readonly { readonly metric: string; readonly column: string; readonly score: 'acc' | 'acc_norm' }[];
}

const ACC = { metric: 'accuracy', column: 'correct', score: 'acc' } as const;
const ACC_NORM = { metric: 'accuracy_norm', column: 'correct_norm', score: 'acc_norm' } as const;

const taskRows = async (file: string, count: number) => {
  const { name, rows } = readJsonLines(sharedPath('data/tasks', file));
  return rowsFor([{ name, rows: rows.slice(0, count) }], SMOLLM2);
};
const taskCase = (recorded: string, file: string, prompt: string): Case => ({
  recorded,
  rows: () => taskRows(file, readRecorded(recorded).rows.length),
  evaluator: multipleChoice as RowsEvaluator<never>,
  options: { prompt },
  scores: [ACC, ACC_NORM],
});

/** The first questions of a subject of MMLU, read as a request's files are. */
async function mmluRows(subject: string, count: number): Promise<EvaluationRows> {
  const { files } = await readDataFiles(
    { dataRoots: [sharedPath('data')], dataLinks: 'within-roots' },
    { path: 'mmlu', field: 'text' },
    mmlu.folders,
  );
  const own = files.filter(({ name }) => name.includes(`/${subject}_`));
  return rowsFor(
    own.map(({ name, rows }) => ({ name, rows: name.startsWith('test') ? rows.slice(0, count) : rows })),
    SMOLLM2,
  );
}

const CASES: readonly Case[] = [
  taskCase('pc_arc_easy', 'arc_easy.jsonl', '{query}\nAnswer:'),
  taskCase('arc_easy_100.transformers', 'arc_easy.jsonl', '{query}\nAnswer:'),
  taskCase('pc_piqa', 'piqa.jsonl', '{query}Answer:'),
  {
    recorded: 'pc_mmlu_anatomy',
    rows: () => mmluRows('anatomy', readRecorded('pc_mmlu_anatomy').rows.length),
    evaluator: mmlu as RowsEvaluator<never>,
    options: {},
    scores: [ACC],
  },
];

async function planCase({
  rows,
  evaluator,
  options,
}: Pick<Case, 'rows' | 'evaluator' | 'options'>): Promise<EvaluationPlan> {
  return evaluator.plan(await rows(), {}, evaluator.options.parse(options));
}

async function evaluateCase(
  given: Pick<Case, 'rows' | 'evaluator' | 'options'>,
): Promise<Evaluation & { readonly losses: Float64Array }> {
  const { evaluator, options } = given;
  const plan = await planCase(given);
  return withModel(SMOLLM2, async (model) => {
    const { shape } = model;
    const subject = model.subject({ ranking: identityRanking(shape.layers) });
    for await (const observed of subject.observe(
      [shape.layers],
      { sequences: plan.sequences, ...plan.observe },
      unattended,
    )) {
      const complete = evaluator.options.parse(options);
      const evaluation = await evaluator.reduce(
        { ...observed, shape, architecture: shape.layers },
        plan,
        complete,
        unattended,
      );
      return { ...evaluation, losses: observed.losses };
    }
    throw new Error('the model gave no observation');
  });
}

describe.skipIf(!hasModel)('questions as tokens (needs ../shared and the unpacked SmolLM2)', () => {
  it.each(CASES)('are split as by lm-evaluation-harness: $recorded', async (given) => {
    const { sequences } = await planCase(given);
    const { rows } = readRecorded(given.recorded);
    expect(sequences.map(({ spans }) => spans[0]?.from)).toEqual(rows.flatMap((row) => row.context_tokens));
    expect(sequences.map(({ tokens, spans }) => tokens.length - (spans[0]?.from ?? NaN))).toEqual(
      rows.flatMap((row) => row.continuation_tokens),
    );
  });
});

// Minutes of work on two cores: run on request only, with the model unpacked beside the sources.
describe.skipIf(!hasModel || process.env['PRUNECAST_SLOW_TESTS'] === undefined)(
  'log-likelihoods of choices (needs PRUNECAST_SLOW_TESTS, ../shared and the unpacked SmolLM2)',
  () => {
    it.each(CASES)('are those of lm-evaluation-harness: $recorded', { timeout: 900_000 }, async (given) => {
      const { metrics, items, losses } = await evaluateCase(given);
      const { results, rows } = readRecorded(given.recorded);
      const expected = rows.flatMap((row) => row.log_likelihoods);
      expect(losses).toHaveLength(expected.length);
      const worst = Math.max(...expected.map((value, index) => Math.abs(-(losses[index] ?? NaN) / value - 1)));
      expect(worst).toBeLessThan(1e-3);
      for (const { metric, column, score } of given.scores) {
        expect([...(items[column] ?? [])]).toEqual(rows.map((row) => row[score]));
        expect(metrics[metric]).toBeCloseTo(results[score] ?? NaN, 12);
      }
    });

    it.each(['anatomy', 'us_foreign_policy'])(
      'gives the answers that transformers generates: %s',
      { timeout: 900_000 },
      async (subject) => {
        const recorded = ANSWERS.questions.filter((question) => question.subject === subject);
        const { metrics, items } = await evaluateCase({
          rows: () => mmluRows(subject, recorded.length),
          evaluator: mmlu as RowsEvaluator<never>,
          options: { scorer: 'exact-match' },
        });
        const answers = recorded.map(({ answer }) => /[ABCD](?![A-Za-z])/.exec(answer)?.[0]);
        expect([...(items['correct'] ?? [])]).toEqual(
          recorded.map(({ gold }, index) => (answers[index] === gold ? 1 : 0)),
        );
        expect(metrics['answered']).toBe(answers.filter((answer) => answer !== undefined).length / recorded.length);
      },
    );
  },
);
