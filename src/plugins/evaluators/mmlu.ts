import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { MetricDefinition } from '../../core/metric.js';
import { countTokens, type Sequence } from '../../core/sequence.js';
import { defineEvaluator } from '../define.js';
import { encodeQuestions, type EncodedQuestion } from './questions/encode-questions.js';
import { ACCURACY, bosOption, LIKELIHOOD_RATIO, limitOption } from './questions/manifest.js';
import { findAnswerLetters, parseAnswer, type AnswerLetters } from './questions/mmlu/answer-letters.js';
import { CATEGORIES, categoryOf, type Category } from './questions/mmlu/categories.js';
import { PROMPT_VERSION, writePrompt, type PromptForm } from './questions/mmlu/prompt.js';
import { LETTERS, readSubjects, type Subject } from './questions/mmlu/read-subjects.js';
import { pickQuestions } from './questions/pick-questions.js';
import type { Question } from './questions/question.js';
import {
  findBest,
  meansOf,
  measureMargins,
  sequenceChoices,
  splitLogLikelihoods,
  type ChoiceKey,
} from './questions/score-choices.js';

const METRICS: readonly MetricDefinition[] = [
  ACCURACY,
  {
    name: 'accuracy_subjects',
    better: 'higher',
    scale: 'linear',
    mean: { of: 'subject_correct', per: 'subject_share' },
    summary: 'mean over subjects of the accuracy in each',
  },
  ...CATEGORIES.map((category) => ({
    name: `accuracy_${category}`,
    better: 'higher' as const,
    scale: 'linear' as const,
    mean: { of: `${category}_correct`, per: category },
    summary: `accuracy in the questions of the category ${category.replaceAll('_', ' ')}`,
  })),
  LIKELIHOOD_RATIO,
  {
    name: 'answered',
    better: 'higher',
    scale: 'linear',
    mean: { of: 'answered', per: 'questions' },
    summary: 'share of generated answers that have a letter',
  },
];

/** Tokens of a generated answer. */
const ANSWER_TOKENS = 5;

/**
 * MMLU ("Measuring Massive Multitask Language Understanding", arXiv 2009.03300): questions of 57 subjects with four
 * choices, from the CSV files of its authors, each after up to five examples of its subject.
 *
 * `log-likelihood`: the answer is the letter that is most likely after the prompt. `exact-match`: it is the first letter
 * among the tokens that the model generates; an answer without one is wrong, so that a model that does not answer in
 * letters scores less than the quarter that guessing does.
 */
export default defineEvaluator({
  id: 'mmlu',
  summary: 'Share of the questions of MMLU that are answered rightly, over all, by subject and by category.',
  options: z.strictObject({
    shots: z
      .int()
      .min(0)
      .max(5)
      .default(5)
      .describe('Examples that each prompt begins with, the first of the dev file.'),
    scorer: z
      .enum(['log-likelihood', 'exact-match'])
      .default('log-likelihood')
      .describe(
        'What the answer is. `log-likelihood`: the most likely of the four letters. `exact-match`: the first letter in 5 generated tokens; none is a wrong answer.',
      ),
    subjects: z
      .array(z.string().min(1).max(100))
      .max(200)
      .default([])
      .describe('Which subjects, as their files are named: abstract_algebra. None stands for all.'),
    limit: limitOption,
    prompt: z
      .enum(['harness', 'original'])
      .default('harness')
      .describe(
        "Whose prompt, to the blank: that of lm-evaluation-harness, or that of MMLU's authors, with two blanks before the subject.",
      ),
    bos: bosOption,
  }),
  reads: 'rows',
  folders: ['dev', 'test'],
  runsIn: 'inline',
  metrics: METRICS,
  plan: async (rows, protocol, options) => {
    const { limit, bos, scorer, prompt } = options;
    const questions = pickQuestions(
      readSubjects(rows.files, options).map((subject) => askSubject(subject, prompt)),
      { ...protocol, limit },
    );
    if (questions.length === 0)
      throw new PrunecastError('INVALID_REQUEST', 'the part has no question: name a larger part or more subjects');
    const isGenerated = scorer === 'exact-match';
    const { asked, shortened } = await encodeQuestions(questions, rows, protocol, {
      delimiter: ' ',
      bos,
      room: isGenerated ? ANSWER_TOKENS : 0,
      sequences: (question) => [...(isGenerated ? [continuePrompt(question)] : []), ...sequenceChoices(question)],
    });
    const sequences = [...(isGenerated ? asked.map(continuePrompt) : []), ...asked.flatMap(sequenceChoices)];
    const keys = keyQuestions(asked.map(({ question }) => question));
    return {
      sequences,
      ...(isGenerated ? { observe: { continuation: ANSWER_TOKENS } } : {}),
      metrics: [
        'accuracy',
        'accuracy_subjects',
        ...listCategories(keys).map((category) => `accuracy_${category}`),
        LIKELIHOOD_RATIO.name,
        ...(isGenerated ? ['answered'] : []),
      ],
      measurement: {
        textDigest: rows.digest,
        tokenizerDigest: rows.tokenizerDigest,
        window: 0,
        stride: 0,
        bos,
        bosToken: bos ? rows.bosToken : undefined,
        scorer: canonicalJson({ id: 'mmlu', options }),
        promptFormat: `mmlu ${prompt} ${PROMPT_VERSION}`,
      },
      fidelity: {
        tokens: countTokens(sequences),
        items: asked.map(({ question }) => question.number),
        precision: protocol.precision ?? 'float32',
      },
      forReduce: { keys, ...(isGenerated ? { letters: await findAnswerLetters(rows) } : {}) } satisfies ForReduce,
      shortened,
    };
  },
  reduce: ({ losses, continuations = [] }, { forReduce, metrics = [] }) => {
    const { keys, letters } = forReduce as ForReduce;
    const scores = splitLogLikelihoods(losses, keys);
    const answers = keys.map((_, index) =>
      letters === undefined
        ? findBest(scores[index] as Float64Array)
        : parseAnswer(continuations[index] as Int32Array, letters),
    );
    const correct = Float64Array.from(keys, ({ gold }, index) => (answers[index] === gold ? 1 : 0));
    const items = {
      questions: new Float64Array(keys.length).fill(1),
      correct,
      subject_correct: correct.map((value, index) => value * (keys[index]?.subjectShare ?? Number.NaN)),
      subject_share: Float64Array.from(keys, ({ subjectShare }) => subjectShare),
      ...columnsOfCategories(correct, keys),
      margin: measureMargins(scores, keys),
      ...(letters === undefined
        ? {}
        : { answered: Float64Array.from(answers, (answer) => (answer === undefined ? 0 : 1)) }),
    };
    return {
      metrics: meansOf(
        METRICS.filter(({ name }) => metrics.includes(name)),
        items,
      ),
      items,
    };
  },
});

/** What `reduce` knows of each question. */
interface MmluKey extends ChoiceKey {
  /** 1 divided by how many questions of its subject are asked. */
  readonly subjectShare: number;
  /** undefined for a subject that is not of MMLU. */
  readonly category: Category | undefined;
}

interface ForReduce {
  readonly keys: readonly MmluKey[];
  /** undefined if answers are not generated. */
  readonly letters?: AnswerLetters;
}

interface SubjectQuestion extends Question {
  readonly subject: string;
}

function askSubject({ name, examples, rows, before }: Subject, prompt: PromptForm): SubjectQuestion[] {
  return rows.map(({ place, ...row }, index) => ({
    subject: name,
    number: before + index,
    place,
    shots: examples.length,
    prompts: (shots) => {
      const text = writePrompt(name, examples.slice(0, shots), row, prompt);
      return LETTERS.map(() => text);
    },
    choices: LETTERS,
    gold: row.gold,
  }));
}

/** The prompt alone, to be continued. */
function continuePrompt({ prompts: [tokens = new Int32Array()] }: EncodedQuestion): Sequence {
  return { tokens, spans: [] };
}

function keyQuestions(questions: readonly SubjectQuestion[]): MmluKey[] {
  const counts = new Map<string, number>();
  for (const { subject } of questions) counts.set(subject, (counts.get(subject) ?? 0) + 1);
  return questions.map(({ subject, gold }) => ({
    gold,
    choices: LETTERS.length,
    subjectShare: 1 / (counts.get(subject) ?? Number.NaN),
    category: categoryOf(subject),
  }));
}

/** Of each category that has questions: which are of it, and which of those are answered rightly. */
function columnsOfCategories(correct: Float64Array, keys: readonly MmluKey[]): Record<string, Float64Array> {
  return Object.fromEntries(
    listCategories(keys).flatMap((category) => {
      const own = Float64Array.from(keys, (key) => (key.category === category ? 1 : 0));
      return [
        [category, own],
        [`${category}_correct`, correct.map((value, index) => value * (own[index] ?? Number.NaN))],
      ];
    }),
  );
}

function listCategories(keys: readonly MmluKey[]): Category[] {
  return CATEGORIES.filter((category) => keys.some((key) => key.category === category));
}
