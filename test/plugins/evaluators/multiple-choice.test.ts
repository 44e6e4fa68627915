import { describe, expect, it } from 'vitest';
import type { DataRow, EvaluationRows, RowsProtocol } from '../../../src/core/ports/evaluator.js';
import { createSearchSpace } from '../../../src/core/space/create-search-space.js';
import { denseCounts } from '../../../src/core/space/search-space.js';
import multipleChoice from '../../../src/plugins/evaluators/multiple-choice.js';
import { LIKELIHOOD_RATIO } from '../../../src/plugins/evaluators/questions/manifest.js';
import { plainObjectives } from '../../../src/search/objectives/objectives.js';
import { scoreMeasured } from '../../../src/search/objectives/score-point.js';
import { unattended } from '../../support/demo-model.js';
import { fileOf, rowsOf, tokensOf } from '../../support/question-rows.js';
import { STORIES_SHAPE } from '../../support/shapes.js';

type Options = Partial<ReturnType<typeof multipleChoice.options.parse>>;
type Given = Options & Pick<RowsProtocol, 'part' | 'tokenLimit'> & { readonly rows?: Parameters<typeof rowsOf>[1] };

const SKY = { query: 'Sky?', choices: ['red', 'blue'], gold: 1 };

function planFor(rows: EvaluationRows, { part, tokenLimit, ...options }: Omit<Given, 'rows'> = {}) {
  const protocol = { ...(part && { part }), ...(tokenLimit && { tokenLimit }) };
  return multipleChoice.plan(rows, protocol, multipleChoice.options.parse(options));
}
const plan = (questions: readonly DataRow['values'][], { rows, ...given }: Given = {}) =>
  planFor(rowsOf([fileOf('questions.jsonl', questions)], rows), given);

/** The texts of the sequences, with a bar before what is scored. */
async function textsOf(...given: Parameters<typeof plan>): Promise<string[]> {
  const { sequences } = await plan(...given);
  return sequences.map(({ tokens, spans }) => {
    const text = [...tokens].map((token) => String.fromCodePoint(token));
    expect(spans).toEqual([{ from: spans[0]?.from, to: tokens.length }]);
    return [...text.slice(0, spans[0]?.from), '|', ...text.slice(spans[0]?.from)].join('');
  });
}
const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ ...SKY, query: `Sky ${index}?` }));
const itemsOf = async (count: number, given: Given) => (await plan(numbered(count), given)).fidelity.items;

const reduce = async (questions: readonly DataRow['values'][], losses: readonly number[]) =>
  multipleChoice.reduce(
    {
      losses: Float64Array.from(losses),
      hits: new Int32Array(losses.length),
      shape: STORIES_SHAPE,
      architecture: STORIES_SHAPE.layers,
    },
    await plan(questions),
    multipleChoice.options.parse({}),
    unattended,
  );

describe('multiple-choice.plan', () => {
  it('scores each choice behind the prompt, a blank between', async () => {
    expect(await textsOf([SKY])).toEqual(['Sky?| red', 'Sky?| blue']);
  });

  it('fills a template with fields of the row, also of lists and columns', async () => {
    const row = { question: 'Sky', options: ['red', 'blue'], right: 'B', unit: { id: 7 } };
    expect(
      await textsOf([row], {
        prompt: '{{{unit.id}}} Q: {question} ({options.0})\nA:',
        choices: 'options',
        answer: 'right',
        delimiter: '\n',
      }),
    ).toEqual(['{7} Q: Sky (red)\nA:|\nred', '{7} Q: Sky (red)\nA:|\nblue']);
    expect(await textsOf([['Sky?', 'red', 'blue', 'B']], { prompt: '{0}', choices: ['1', '2'], answer: '3' })).toEqual([
      'Sky?| red',
      'Sky?| blue',
    ]);
    expect(await textsOf([['Sky?', 'red', 'blue', 'B']], { prompt: '{0}', choices: [1, 2], answer: 3 })).toEqual([
      'Sky?| red',
      'Sky?| blue',
    ]);
  });

  it('scores one continuation under several contexts in rows of that form', async () => {
    const row = { context_options: ['Ann ran so Ann', 'Ann ran so Eve'], continuation: 'won.', gold: 0 };
    expect(await textsOf([row])).toEqual(['Ann ran so Ann| won.', 'Ann ran so Eve| won.']);
  });

  it('gives white space at the end of a prompt to the continuation', async () => {
    expect(await textsOf([{ ...SKY, query: 'Sky? \n' }])).toEqual(['Sky?| \n red', 'Sky?| \n blue']);
  });

  it('scores the tokens past as many as the prompt has alone where prompt and choice merge', async () => {
    const pieces = /ab|./gsu;
    const { sequences } = await plan([{ query: 'xa', choices: ['bcd', 'cd'], gold: 0 }], {
      delimiter: '',
      rows: { pieces },
    });
    expect(sequences.map(({ tokens }) => [...tokens])).toEqual([
      [...tokensOf('xa'), ...tokensOf('cd')], // of x, ab, c, d those past two
      [...tokensOf('xa'), ...tokensOf('cd')],
    ]);
  });

  it('puts BOS before each prompt on request, and says so in the measurement', async () => {
    const { sequences, measurement } = await plan([SKY], { bos: true });
    expect(sequences[0]?.tokens[0]).toBe(1);
    expect(measurement).toMatchObject({ bos: true, bosToken: 1, promptFormat: '"{query}"' });
    await expect(plan([SKY], { bos: true, rows: { bosToken: undefined } as object })).rejects.toThrow(
      /names no bos_token_id/,
    );
  });

  it('cuts prompts on the left that are too long for the model, and counts them', async () => {
    const given = { rows: { maxPositions: 7 } };
    expect(await textsOf([SKY, { ...SKY, query: 'S' }], given)).toEqual(['ky?| red', 'y?| blue', 'S| red', 'S| blue']);
    expect((await plan([SKY, { ...SKY, query: 'S' }], given)).shortened).toEqual({ fewerShots: 0, cut: 1 });
  });

  it('keeps BOS in front of a prompt that is cut', async () => {
    const { sequences } = await plan([SKY], { bos: true, rows: { maxPositions: 7 } });
    expect(sequences.map(({ tokens }) => [...tokens])).toEqual([
      [1, ...tokensOf('y? red')],
      [1, ...tokensOf('? blue')],
    ]);
  });

  it('takes a limited number of questions, spread evenly, and parts without overlap', async () => {
    expect(await itemsOf(10, { limit: 4 })).toEqual([0, 2, 5, 7]);
    expect([
      ...(await itemsOf(10, { part: { from: 0, to: 0.5 } })),
      ...(await itemsOf(10, { part: { from: 0.5, to: 0.75 } })),
      ...(await itemsOf(10, { part: { from: 0.75, to: 1 } })),
    ]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('takes as many questions as fit under a token limit, spread evenly, all of a lower limit among them', async () => {
    const tokens = 'Sky 0? re'.length + 'Sky 0? blu'.length; // 19 that run: nothing comes after the last one of a choice
    expect(await itemsOf(8, { tokenLimit: 2 * tokens })).toEqual([0, 4]);
    expect(await itemsOf(8, { tokenLimit: 4 * tokens })).toEqual([0, 2, 4, 6]);
    expect(await itemsOf(8, { tokenLimit: 5 * tokens - 1 })).toEqual([0, 2, 4, 6]);
    expect((await plan(numbered(8), { tokenLimit: 2 * tokens })).fidelity.tokens).toBe(2 * (tokens + 2));
    await expect(plan(numbered(8), { tokenLimit: tokens - 1 })).rejects.toThrow(
      /token_limit: is 18, less than one question of 19 tokens/,
    );
  });

  it('numbers questions over all files in the order of their names', async () => {
    const files = [fileOf('b.jsonl', numbered(2)), fileOf('a.jsonl', numbered(3))];
    const { fidelity } = await planFor(rowsOf(files), { limit: 2 });
    expect(fidelity.items).toEqual([0, 1, 3, 4]);
  });

  it.each([
    ['gold beyond the choices', { ...SKY, gold: 2 }, /its answer "gold" is 2; with 2 choices 0 to 1 or A to B/],
    ['gold below 0', { ...SKY, gold: -1 }, /is -1/],
    ['gold that is no whole number', { ...SKY, gold: 0.5 }, /is 0.5/],
    ['a letter beyond the choices', { ...SKY, gold: 'C' }, /is "C"/],
    [
      'no gold',
      { query: 'Sky?', choices: ['red', 'blue'] },
      /no field "gold" with the answer; it has "query", "choices"/,
    ],
    ['no query', { choices: ['red', 'blue'], gold: 0 }, /no field "query"/],
    ['a query that is no text', { ...SKY, query: null }, /its field "query" is null/],
    ['no choices', { query: 'Sky?', gold: 0 }, /no field "choices"/],
    ['one choice', { ...SKY, choices: ['red'], gold: 0 }, /a list of 2 to 26 texts is needed/],
    ['a number too large for a choice', { ...SKY, choices: [2n ** 64n, 'red'] }, /is "18446744073709551616"/],
    ['an empty choice', { ...SKY, choices: ['red', ''] }, /its choice 1 of "choices" is ""/],
    ['a choice that is no text', { ...SKY, choices: ['red', null] }, /its choice 1 of "choices" is null/],
    ['a prompt without text', { ...SKY, query: ' ' }, /its prompt is empty/],
  ])('refuses %s with file and line', async (_, row, message) => {
    await expect(plan([SKY, row])).rejects.toThrow(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        message: expect.stringMatching(/^questions\.jsonl, line 2: /),
        metadata: { file: 'questions.jsonl', line: '2' },
      }),
    );
    await expect(plan([SKY, row])).rejects.toThrow(message);
  });

  it('refuses a choice that has no token of its own, or more than the model has positions', async () => {
    const merging = { delimiter: '', rows: { pieces: /ab|./gsu } };
    await expect(plan([{ query: 'xa', choices: ['b', 'c'], gold: 0 }], merging)).rejects.toThrow(
      /line 1: choice 0, "b", has no tokens of its own/,
    );
    await expect(plan([SKY], { rows: { maxPositions: 5 } })).rejects.toThrow(
      /line 1: choice 1 has 5 tokens; the model has 5 positions, one of them for the prompt/,
    );
  });

  it('refuses a part without questions', async () => {
    await expect(plan([SKY], { part: { from: 0, to: 0.5 } })).rejects.toThrow(/the part has no question/);
  });

  it('refuses a template with a brace of no field', () => {
    expect(multipleChoice.options.safeParse({ prompt: '{query' }).success).toBe(false);
    expect(multipleChoice.options.safeParse({ prompt: '{query}}}' }).success).toBe(true);
  });
});

describe('multiple-choice.reduce', () => {
  it('takes the most likely choice as answer, the best per character and the best per byte apart from it', async () => {
    const choices = ['日', 'abcd', 'ab']; // 1, 4 and 2 characters; 3, 4 and 2 bytes
    const rows = [0, 1, 2].map((gold) => ({ query: 'Q', choices, gold }));
    // per character 3, 1.25, 2; per byte 1, 1.25, 2
    const { metrics, items } = await reduce(rows, [3, 5, 4, 3, 5, 4, 3, 5, 4]);
    expect(items).toMatchObject({
      correct: Float64Array.of(1, 0, 0),
      correct_norm: Float64Array.of(0, 1, 0),
      correct_bytes: Float64Array.of(1, 0, 0),
      margin: Float64Array.of(1, -2, -1),
      questions: Float64Array.of(1, 1, 1),
    });
    expect(metrics['accuracy']).toBeCloseTo(1 / 3, 12);
    expect(metrics['likelihood_ratio']).toBeCloseTo(Math.exp(-2 / 3), 12); // the mean margin is below 0
  });

  it('takes the first of equally likely choices, as the harness does', async () => {
    const rows = [0, 1].map((gold) => ({ ...SKY, gold }));
    const { items } = await reduce(rows, [2, 2, 2, 2]);
    expect(items['correct']).toEqual(Float64Array.of(1, 0));
    expect(items['margin']).toEqual(Float64Array.of(0, 0));
  });

  it('has a metric that ranks architectures of equal accuracy, also where the wrong choice is the likelier one', async () => {
    const objectives = plainObjectives(LIKELIHOOD_RATIO);
    const space = createSearchSpace(STORIES_SHAPE);
    const scores = await Promise.all(
      [3, 9].map(async (gold) => {
        const { metrics } = await reduce([SKY], [2, gold]); // wrong, then right choice
        return scoreMeasured(objectives, space, { counts: denseCounts(space), metrics });
      }),
    );
    expect(scores.map(({ values }) => values[0])).toEqual([expect.closeTo(1, 12), expect.closeTo(7, 12)]);
  });

  it('keeps questions with different numbers of choices apart', async () => {
    const three = { ...SKY, choices: ['red', 'blue', 'green'], gold: 2 };
    const { items } = await reduce([three, SKY], [3, 2, 1, 1, 4]);
    expect(items['correct']).toEqual(Float64Array.of(1, 0));
    expect(items['margin']).toEqual(Float64Array.of(1, -3));
  });
});
