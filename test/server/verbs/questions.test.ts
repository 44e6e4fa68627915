import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeepPartial, EvaluateRequest } from '../../../src/client/index.js';
import { DEMO, startVerbServer, type VerbServer } from './verb-server.js';

const ROW = 'Where is the bone?,arm,leg,head,foot,B\n';
const QUESTION = '{"query": "The dog", "choices": ["ran", "sat"], "gold": 1}\n';
const ENDLESS = `${JSON.stringify({ query: 'The dog was big. '.repeat(400), choices: ['ran', 'sat'], gold: 1 })}\n`;

/** Files below the data root. */
const FILES: Readonly<Record<string, string | Uint8Array>> = {
  'good.jsonl': QUESTION.repeat(3),
  'long.jsonl': `${QUESTION}${ENDLESS}`,
  'latin.jsonl': Buffer.concat([
    Buffer.from(QUESTION),
    Buffer.from('{"query": "caf'),
    Buffer.of(0xe9),
    Buffer.from('"}\n'),
  ]),
  'empty.jsonl': '',
  'gold.jsonl': `${QUESTION}${QUESTION.replace('1}', '2}')}`,
  'choice.jsonl': `${QUESTION}${QUESTION.replace('"sat"', '""')}`,
  'mmlu/dev/anatomy_dev.csv': ROW.repeat(5),
  'mmlu/test/anatomy_test.csv': ROW.repeat(4),
  'columns/test/anatomy_test.csv': `${ROW}Where?,arm,leg,B\n`,
  'columns/dev/anatomy_dev.csv': ROW.repeat(5),
  'letter/test/anatomy_test.csv': `${ROW}${ROW.replace(',B', ',E')}`,
  'letter/dev/anatomy_dev.csv': ROW.repeat(5),
  'no-examples/test/anatomy_test.csv': ROW,
  'no-examples/dev/virology_dev.csv': ROW,
  'latin/test/anatomy_test.csv': Buffer.concat([
    Buffer.from(`${ROW}caf`),
    Buffer.of(0xe9),
    Buffer.from(',w,x,y,z,A\n'),
  ]),
  'latin/dev/anatomy_dev.csv': ROW.repeat(5),
  'empty/test/anatomy_test.csv': '',
  'empty/dev/anatomy_dev.csv': ROW.repeat(5),
};

const SUBJECTS = ['anatomy', 'astronomy', 'marketing', 'philosophy', 'virology'];
const QUESTIONS_EACH = 8;

/** MMLU of five subjects: five examples, and eight questions that take as many tokens each. */
const FIVE_SUBJECTS = Object.fromEntries(
  SUBJECTS.flatMap((subject, place) => [
    [`five/dev/${subject}_dev.csv`, ROW.repeat(5)],
    [
      `five/test/${subject}_test.csv`,
      Array.from({ length: QUESTIONS_EACH }, (_, index) => `Was it ${index} or ${place}?,yes,no,both,none,A\n`).join(
        '',
      ),
    ],
  ]),
);

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer();
  for (const [name, content] of Object.entries({ ...FILES, ...FIVE_SUBJECTS })) {
    await mkdir(dirname(verbs.path('texts', name)), { recursive: true });
    await writeFile(verbs.path('texts', name), content);
  }
});
afterAll(() => verbs[Symbol.asyncDispose]());

function evaluate(
  id: string,
  path: string,
  { options, ...changes }: DeepPartial<EvaluateRequest> & { readonly options?: Record<string, unknown> } = {},
) {
  return verbs.client.runEvaluate({
    model: DEMO,
    targets: [{ target: { $case: 'dense', value: {} } }],
    measurement: { evaluator: { id, ...(options && { options }) }, text: { source: { $case: 'path', value: path } } },
    ...changes,
  });
}

describe('questions that cannot be asked', () => {
  it.each([
    ['a file that is not UTF-8', 'multiple-choice', 'latin.jsonl', /latin\.jsonl.*not UTF-8.*line 2/s],
    ['an empty file', 'multiple-choice', 'empty.jsonl', /empty\.jsonl.*is empty/s],
    ['a gold beyond the choices', 'multiple-choice', 'gold.jsonl', /gold\.jsonl, line 2: its answer "gold" is 2/],
    [
      'a choice without tokens',
      'multiple-choice',
      'choice.jsonl',
      /choice\.jsonl, line 2: its choice 1 of "choices" is ""/,
    ],
    ['a CSV that is not UTF-8', 'mmlu', 'latin', /anatomy_test\.csv.*not UTF-8.*line 2/s],
    ['an empty CSV', 'mmlu', 'empty', /anatomy_test\.csv.*is empty/s],
    ['a wrong column count', 'mmlu', 'columns', /test\/anatomy_test\.csv, line 2: has 4 columns; a question has 6/],
    [
      'an answer beyond D',
      'mmlu',
      'letter',
      /test\/anatomy_test\.csv, line 2: its answer is "E"; A, B, C or D is allowed/,
    ],
    ['a subject without examples', 'mmlu', 'no-examples', /has no file dev\/anatomy_dev\.csv/],
  ])('%s is refused with its file and line', async (_, evaluator, path, message) => {
    await expect(evaluate(evaluator, path)).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      message: expect.stringMatching(message),
      violations: [{ field: expect.stringMatching(/^measurement\.text(\.path)?$/) }],
    });
  });

  it('a token limit below one question is refused at its field', async () => {
    await expect(evaluate('multiple-choice', 'good.jsonl', { fidelity: { tokenLimit: 3n } })).rejects.toMatchObject({
      violations: [{ field: 'fidelity.token_limit', description: expect.stringMatching(/^is 3, less than/) }],
    });
  });
});

describe('questions that are asked', () => {
  it('give the accuracy with its standard error, and say how many prompts were cut', async () => {
    const [dense] = await evaluate('multiple-choice', 'long.jsonl');
    expect([0, 0.5, 1]).toContain(dense?.metrics['accuracy']);
    expect(dense?.standardErrors['accuracy']).toBeGreaterThanOrEqual(0);
    expect(dense?.shortened).toEqual({ fewerShots: 0, cut: 1 });
    const [good] = await evaluate('multiple-choice', 'good.jsonl');
    expect(good?.shortened).toEqual({ fewerShots: 0, cut: 0 });
  });

  it('are answered by generated text where that is asked for', async () => {
    const [dense] = await evaluate('mmlu', 'mmlu', { options: { scorer: 'exact-match', shots: 0 } });
    const { accuracy = NaN, answered = NaN } = dense?.metrics ?? {};
    expect(accuracy).toBeLessThanOrEqual(answered);
    expect(dense?.metrics).toHaveProperty('likelihood_ratio');
  });
});

describe('five subjects of MMLU with five examples each', () => {
  it('run less than half of the tokens that their questions take one by one, as the answer and the plan count them', async () => {
    const ask = { model: DEMO, measurement: { text: { source: { $case: 'path' as const, value: 'five' } } } };
    // A single question of each subject shares no examples with another one.
    const [single] = await evaluate('mmlu', 'five', { options: { limit: 1 } });
    const [all] = await evaluate('mmlu', 'five', { options: { limit: 0 } });
    expect([single?.items, all?.items]).toEqual([SUBJECTS.length, SUBJECTS.length * QUESTIONS_EACH]);
    const apart = QUESTIONS_EACH * Number(single?.tokensSpent);
    expect(Number(all?.tokensSpent)).toBeGreaterThan(Number(single?.tokensSpent));
    expect(Number(all?.tokensSpent)).toBeLessThan(apart / 2);
    const planned = await verbs.client.planEvaluate({
      ...ask,
      measurement: { ...ask.measurement, evaluator: { id: 'mmlu', options: { limit: 0 } } },
    });
    expect(planned.tokens).toBe(all?.tokensSpent);
  });
});
