import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { EvaluationRows } from '../../core/ports/evaluator.js';
import { countTokens } from '../../core/sequence.js';
import { defineEvaluator } from '../define.js';
import { encodeQuestions } from './questions/encode-questions.js';
import { ACCURACY, bosOption, LIKELIHOOD_RATIO, limitOption } from './questions/manifest.js';
import { pickQuestions } from './questions/pick-questions.js';
import { countCharacters } from './questions/python-text.js';
import { placeRows, type Question } from './questions/question.js';
import { readQuestion, type QuestionFields } from './questions/read-choices.js';
import {
  markCorrect,
  meansOf,
  measureMargins,
  sequenceChoices,
  splitLogLikelihoods,
  type ChoiceKey,
} from './questions/score-choices.js';
import { isTemplate } from './questions/template.js';

const METRICS: readonly MetricDefinition[] = [
  ACCURACY,
  {
    name: 'accuracy_norm',
    better: 'higher',
    scale: 'linear',
    mean: { of: 'correct_norm', per: 'questions' },
    summary: 'share of questions whose right choice has the largest log-likelihood per character: acc_norm',
  },
  {
    name: 'accuracy_bytes',
    better: 'higher',
    scale: 'linear',
    mean: { of: 'correct_bytes', per: 'questions' },
    summary: 'the same per byte of its UTF-8 text: acc_bytes',
  },
  LIKELIHOOD_RATIO,
];

/** The column of a CSV row may be a number. */
const fieldName = z.union([z.string().min(1).max(200), z.int().min(0).max(100_000)]);

/**
 * Multiple choice by log-likelihood, as lm-evaluation-harness does it: the model runs on the prompt with each choice, and
 * its answer is the choice with the largest summed log-likelihood, or the largest per character or byte of the choice.
 */
export default defineEvaluator({
  id: 'multiple-choice',
  summary: 'Share of questions whose right choice is the most likely one after the prompt.',
  options: z.strictObject({
    prompt: z
      .string()
      .max(10_000)
      .refine(isTemplate, 'has a brace that belongs to no {field}: two braces in a row stand for one')
      .default('{query}')
      .describe(
        'Template of the prompt: {field} stands for the text of a field, {list.0} for the first of a list. Not used for rows with context_options.',
      ),
    choices: z
      .union([fieldName, z.array(fieldName).min(2).max(26)])
      .default('choices')
      .describe('The field with the list of choices, or the names of the fields that are one choice each.'),
    answer: fieldName
      .default('gold')
      .describe('The field with the right choice: its index from 0, or its letter from A.'),
    delimiter: z.string().max(100).default(' ').describe('What stands between prompt and choice.'),
    limit: limitOption,
    bos: bosOption,
  }),
  reads: 'rows',
  runsIn: 'inline',
  metrics: METRICS,
  plan: async (rows, protocol, options) => {
    const { limit, delimiter, bos } = options;
    const questions = pickQuestions(readFiles(rows, nameFields(options)), { ...protocol, limit });
    if (questions.length === 0)
      throw new PrunecastError('INVALID_REQUEST', 'the part has no question: name a larger part or a larger file');
    const { asked, shortened } = await encodeQuestions(questions, rows, protocol, {
      delimiter,
      bos,
      room: 0,
      sequences: sequenceChoices,
    });
    const sequences = asked.flatMap(sequenceChoices);
    return {
      sequences,
      measurement: {
        textDigest: rows.digest,
        tokenizerDigest: rows.tokenizerDigest,
        window: 0,
        stride: 0,
        bos,
        bosToken: bos ? rows.bosToken : undefined,
        scorer: canonicalJson({ id: 'multiple-choice', options }),
        promptFormat: JSON.stringify(options.prompt),
      },
      fidelity: {
        tokens: countTokens(sequences),
        items: asked.map(({ question }) => question.number),
        precision: protocol.precision ?? 'float32',
      },
      forReduce: asked.map(({ question: { choices, gold } }) => ({
        gold,
        choices: choices.length,
        characters: choices.map(countCharacters),
        bytes: choices.map((choice) => Buffer.byteLength(choice)),
      })) satisfies MeasuredKey[],
      shortened,
    };
  },
  reduce: ({ losses }, { forReduce }) => {
    const keys = forReduce as readonly MeasuredKey[];
    const scores = splitLogLikelihoods(losses, keys);
    const items = {
      questions: new Float64Array(keys.length).fill(1),
      correct: markCorrect(scores, keys),
      correct_norm: markCorrect(divideEach(scores, keys, 'characters'), keys),
      correct_bytes: markCorrect(divideEach(scores, keys, 'bytes'), keys),
      margin: measureMargins(scores, keys),
    };
    return { metrics: meansOf(METRICS, items), items };
  },
});

interface MeasuredKey extends ChoiceKey {
  /** Length of each choice. */
  readonly characters: readonly number[];
  readonly bytes: readonly number[];
}

/** The questions of each file, numbered over all files in the order of their names. */
type FieldName = z.output<typeof fieldName>;

function nameFields({
  prompt,
  choices,
  answer,
}: {
  readonly prompt: string;
  readonly choices: FieldName | readonly FieldName[];
  readonly answer: FieldName;
}): QuestionFields {
  return {
    prompt,
    choices: typeof choices === 'object' ? choices.map(String) : String(choices),
    answer: String(answer),
  };
}

function readFiles({ files }: EvaluationRows, fields: QuestionFields): Question[][] {
  let number = 0;
  return files
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((file) =>
      placeRows(file).map(({ place, values }) => {
        const { prompts, ...question } = readQuestion(values, place, fields);
        return { ...question, number: number++, place, shots: 0, prompts: () => prompts };
      }),
    );
}

/** Each log-likelihood divided by the length of its choice. */
function divideEach(
  scores: readonly Float64Array[],
  keys: readonly MeasuredKey[],
  length: 'characters' | 'bytes',
): Float64Array[] {
  return scores.map((score, question) =>
    score.map((value, choice) => value / (keys[question]?.[length][choice] ?? Number.NaN)),
  );
}
