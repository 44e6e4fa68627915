import { describe, expect, it } from 'vitest';
import type { Evaluation } from '../../../src/core/metric.js';
import type { DataFile, EvaluationPlan, RowsProtocol } from '../../../src/core/ports/evaluator.js';
import { measureSequences } from '../../../src/core/run-batches.js';
import mmlu from '../../../src/plugins/evaluators/mmlu.js';
import { unattended } from '../../support/demo-model.js';
import { fileOf, rowsOf, tokensOf } from '../../support/question-rows.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

type Options = Partial<ReturnType<typeof mmlu.options.parse>>;
type Given = Options & Pick<RowsProtocol, 'part' | 'tokenLimit'> & { readonly rows?: Parameters<typeof rowsOf>[1] };

const rowsNamed = (name: string, count: number, answer = 'B') =>
  Array.from({ length: count }, (_, index) => [`${name} ${index}?`, 'w', 'x', 'y', 'z', answer]);
const testFile = (subject: string, rows: readonly (readonly string[])[]) => fileOf(`test/${subject}_test.csv`, rows);
const devFile = (subject: string, count = 5) =>
  fileOf(`dev/${subject}_dev.csv`, rowsNamed(`${subject} example`, count, 'C'));

/** Subjects of three categories, not in the order of their names. */
const FILES: readonly DataFile[] = [
  devFile('virology'),
  devFile('anatomy'),
  devFile('college_physics'),
  testFile('virology', rowsNamed('virus', 4)),
  testFile('anatomy', rowsNamed('bone', 2, 'A')),
  testFile('college_physics', rowsNamed('force', 4, 'D')),
];

function plan(
  { part, tokenLimit, rows, ...options }: Given = {},
  files: readonly DataFile[] = FILES,
): Promise<EvaluationPlan> {
  const protocol = { ...(part && { part }), ...(tokenLimit && { tokenLimit }) };
  return mmlu.plan(rowsOf(files, { maxPositions: 4096, ...rows }), protocol, mmlu.options.parse(options));
}

async function reduce(
  given: Given,
  { losses, continuations = [] }: { readonly losses: readonly number[]; readonly continuations?: readonly string[] },
): Promise<Evaluation> {
  const observed = {
    losses: Float64Array.from(losses),
    hits: new Int32Array(losses.length),
    continuations: continuations.map((text) => tokensOf(text)),
    shape: STORIES_SHAPE,
    architecture: STORIES_SHAPE.layers,
  };
  return mmlu.reduce(observed, await plan(given), mmlu.options.parse(given), unattended);
}

const textOf = (tokens: Int32Array | undefined) => [...(tokens ?? [])].map((id) => String.fromCodePoint(id)).join('');
const itemsOf = async (given: Given) => (await plan(given)).fidelity.items;

/** The losses of four letters, of which one is the most likely. */
const answer = (letter: number) => [0, 1, 2, 3].map((choice) => (choice === letter ? 1 : 2));

describe('mmlu.plan', () => {
  it('asks after examples with their answers, and scores each letter', async () => {
    const { sequences } = await plan({ shots: 1, subjects: ['college_physics'], limit: 1 });
    const prompt =
      'The following are multiple choice questions (with answers) about college physics.\n\n' +
      'college_physics example 0?\nA. w\nB. x\nC. y\nD. z\nAnswer: C\n\n' +
      'force 0?\nA. w\nB. x\nC. y\nD. z\nAnswer:';
    expect(sequences.map(({ tokens }) => textOf(tokens))).toEqual([' A', ' B', ' C', ' D'].map((end) => prompt + end));
    expect(sequences.map(({ spans }) => spans)).toEqual(
      sequences.map(() => [{ from: prompt.length, to: prompt.length + 2 }]),
    );
  });

  it("strips questions as the harness does, or leaves them and writes two blanks as MMLU's authors do", async () => {
    const files = [testFile('anatomy', [[' Bone? \n', 'w', 'x', 'y', 'z', 'A']])];
    const promptOf = async (prompt: 'harness' | 'original') =>
      textOf((await plan({ shots: 0, prompt }, files)).sequences[0]?.tokens);
    expect(await promptOf('harness')).toBe(
      'The following are multiple choice questions (with answers) about anatomy.\n\nBone?\nA. w\nB. x\nC. y\nD. z\nAnswer: A',
    );
    expect(await promptOf('original')).toBe(
      'The following are multiple choice questions (with answers) about  anatomy.\n\n Bone? \n\nA. w\nB. x\nC. y\nD. z\nAnswer: A',
    );
  });

  it('makes the prompt, the shots and the scorer part of the measurement', async () => {
    const { measurement } = await plan({ shots: 2 });
    expect(measurement.promptFormat).toBe('mmlu harness 1');
    expect(JSON.parse(measurement.scorer)).toMatchObject({
      id: 'mmlu',
      options: { shots: 2, scorer: 'log-likelihood' },
    });
    expect((await plan({ prompt: 'original' })).measurement.promptFormat).toBe('mmlu original 1');
  });

  it('numbers questions over all subjects in the order of their names, whichever are asked', async () => {
    expect(await itemsOf({})).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await itemsOf({ subjects: ['virology'] })).toEqual([6, 7, 8, 9]);
    expect(await itemsOf({ limit: 2 })).toEqual([0, 1, 2, 4, 6, 8]);
  });

  it('gives each part questions of each subject, and no question to two parts', async () => {
    expect(await itemsOf({ part: { from: 0, to: 0.5 } })).toEqual([0, 2, 3, 6, 7]);
    expect(await itemsOf({ part: { from: 0.5, to: 1 } })).toEqual([1, 4, 5, 8, 9]);
  });

  it('spreads a token limit over all subjects', async () => {
    const oneEach = await plan({ shots: 0, limit: 1 });
    const tokenLimit = Math.floor(1.1 * measureSequences(oneEach.sequences).tokens);
    const { fidelity, sequences } = await plan({ shots: 0, tokenLimit });
    expect(fidelity.items).toEqual([0, 4, 8]);
    expect(measureSequences(sequences).tokens).toBeLessThanOrEqual(tokenLimit);
  });

  it('counts the examples of a subject once under a token limit', async () => {
    const all = await plan({ shots: 5, subjects: ['virology'] });
    const tokenLimit = measureSequences(all.sequences).tokens;
    expect(tokenLimit).toBeLessThan(all.fidelity.tokens / 4);
    expect(await itemsOf({ shots: 5, subjects: ['virology'], tokenLimit })).toEqual(all.fidelity.items);
    expect(await itemsOf({ shots: 5, subjects: ['virology'], tokenLimit: tokenLimit - 1 })).toHaveLength(
      all.fidelity.items.length - 1,
    );
  });

  it('leaves whole examples out of a prompt that is too long, then cuts it on the left, and counts both', async () => {
    const options = { subjects: ['college_physics'], limit: 1 };
    const lengthOf = async (shots: number) => (await plan({ ...options, shots })).sequences[0]?.tokens.length ?? NaN;
    const [none, three] = [await lengthOf(0), await lengthOf(3)];
    const shorter = await plan({ ...options, rows: { maxPositions: three + 1 } });
    expect(shorter.sequences.map(({ tokens }) => tokens.length)).toEqual([three, three, three, three]);
    expect(shorter.shortened).toEqual({ fewerShots: 1, cut: 0 });
    const cut = await plan({ ...options, rows: { maxPositions: none - 5 } });
    expect(cut.shortened).toEqual({ fewerShots: 1, cut: 1 });
    expect(textOf(cut.sequences[3]?.tokens)).toMatch(/^ollowing are .*Answer: D$/s);
  });

  it('measures the accuracy of the categories that have questions', async () => {
    expect((await plan()).metrics).toEqual([
      'accuracy',
      'accuracy_subjects',
      'accuracy_stem',
      'accuracy_other',
      'likelihood_ratio',
    ]);
    expect((await plan({ subjects: ['anatomy'] })).metrics).not.toContain('accuracy_stem');
  });

  it('has each prompt continued for exact-match, with room for the answer, beside the scored letters', async () => {
    const given: Given = { scorer: 'exact-match', shots: 0, subjects: ['anatomy'], limit: 1 };
    const { sequences, observe, metrics } = await plan(given);
    expect(observe).toEqual({ continuation: 5 });
    expect(sequences.map(({ spans }) => spans.length)).toEqual([0, 1, 1, 1, 1]);
    expect(textOf(sequences[0]?.tokens)).toMatch(/bone 0\?.*Answer:$/s);
    expect(metrics).toContain('answered');
    const length = sequences[0]?.tokens.length ?? NaN;
    const cut = await plan({ ...given, rows: { maxPositions: length + 4 } });
    expect(cut.sequences[0]?.tokens.length).toBe(length - 1);
  });

  it.each([
    ['five columns', ['Q?', 'w', 'x', 'y', 'B'], /has 5 columns; a question has 6/],
    ['seven columns', ['Q?', 'w', 'x', 'y', 'z', 'B', ''], /has 7 columns/],
    ['an answer beyond D', ['Q?', 'w', 'x', 'y', 'z', 'E'], /its answer is "E"; A, B, C or D is allowed/],
    ['no answer', ['Q?', 'w', 'x', 'y', 'z', ''], /its answer is ""/],
    ['an answer as index', ['Q?', 'w', 'x', 'y', 'z', '1'], /its answer is "1"/],
  ])('refuses a row with %s, with file and line, in questions and in examples', async (_, row, message) => {
    const faulty = (file: DataFile): DataFile => ({
      ...file,
      rows: [...file.rows.slice(0, 1), { line: 3, values: row }],
    });
    const expectFault = async (files: readonly DataFile[], file: string, shots: number) => {
      const fault = plan({ shots }, files);
      await expect(fault).rejects.toThrow(
        expect.objectContaining({ reason: 'INVALID_REQUEST', metadata: { file, line: '3' } }),
      );
      await expect(fault).rejects.toThrow(message);
    };
    const [dev, test] = [devFile('anatomy'), testFile('anatomy', rowsNamed('bone', 2))];
    await expectFault([dev, faulty(test)], 'test/anatomy_test.csv', 2);
    await expectFault([faulty(dev), test], 'dev/anatomy_dev.csv', 2);
  });

  it('refuses a subject without examples unless none are asked for', async () => {
    const files = [testFile('anatomy', rowsNamed('bone', 2)), devFile('virology')];
    await expect(plan({}, files)).rejects.toThrow(/has no file dev\/anatomy_dev\.csv.*ask for 0 shots/);
    await expect(plan({}, [...files, devFile('anatomy', 4)])).rejects.toThrow(
      /dev\/anatomy_dev\.csv has 4 rows, and 5 examples are taken from it/,
    );
    expect((await plan({ shots: 0 }, files)).fidelity.items).toEqual([0, 1]);
  });

  it('refuses a folder that is not of MMLU, and a subject that it lacks, with the nearest', async () => {
    await expect(plan({}, [fileOf('test/questions.jsonl', [])])).rejects.toThrow(/has no file test\/SUBJECT_test\.csv/);
    await expect(plan({ subjects: ['anatomi'] })).rejects.toThrow(/did you mean "anatomy"\?/);
  });
});

describe('mmlu.reduce', () => {
  /** Anatomy's two answers are A, those of physics D, those of virology B. */
  const right = [0, 0, 3, 3, 3, 3, 1, 1, 1, 1];

  it('gives the mean over questions, over subjects and by category', async () => {
    const answers = [1, 0, 3, 3, 3, 0, 0, 0, 0, 1]; // right: 1 of 2, 3 of 4, 1 of 4
    const { metrics, items } = await reduce({}, { losses: answers.flatMap(answer) });
    expect(metrics['accuracy']).toBeCloseTo(5 / 10, 12);
    expect(metrics['accuracy_subjects']).toBeCloseTo((1 / 2 + 3 / 4 + 1 / 4) / 3, 12);
    expect(metrics['accuracy_stem']).toBeCloseTo(3 / 4, 12);
    expect(metrics['accuracy_other']).toBeCloseTo(2 / 6, 12);
    expect(Object.keys(metrics)).toEqual((await plan()).metrics);
    expect(items['correct']).toEqual(Float64Array.from(answers, (given, index) => (given === right[index] ? 1 : 0)));
    expect(items['margin']).toEqual(Float64Array.from(answers, (given, index) => (given === right[index] ? 1 : -1)));
  });

  it('takes the first letter of a generated answer, and none for a wrong answer', async () => {
    const given: Given = { scorer: 'exact-match', subjects: ['virology'] };
    const { metrics, items } = await reduce(given, {
      losses: right.slice(6).flatMap(answer),
      continuations: [' B', 'x: B', 'A or B', ' not b'],
    });
    expect(items['correct']).toEqual(Float64Array.of(1, 1, 0, 0));
    expect(items['answered']).toEqual(Float64Array.of(1, 1, 1, 0));
    expect(metrics).toMatchObject({ accuracy: 0.5, answered: 0.75 });
    expect(metrics['likelihood_ratio']).toBeCloseTo(Math.E, 12); // the letters are scored all the same
  });
});
