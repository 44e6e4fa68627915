import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { spreadPlaces } from '../../../core/pick-evenly.js';
import type { EvaluationRows, RowsProtocol, ShortenedPrompts } from '../../../core/ports/evaluator.js';
import { measureSequences } from '../../../core/run-batches.js';
import { countTokens, type Sequence } from '../../../core/sequence.js';
import { splitTrailingSpace } from './python-text.js';
import { quoteValue, rowFault, type Question } from './question.js';

/** A question as token ids, short enough for the model. */
export interface EncodedQuestion<Asked extends Question = Question> {
  readonly question: Asked;
  /** One per choice, BOS included. */
  readonly prompts: readonly Int32Array[];
  /** One per choice, 1 or more tokens each; those that are scored. */
  readonly continuations: readonly Int32Array[];
}

/** How questions become tokens. */
export interface QuestionForm {
  /** What stands between a prompt and a choice. */
  readonly delimiter: string;
  readonly bos: boolean;
  /** Tokens that must fit behind a prompt, at least; the choices must in any case. */
  readonly room: number;
  /** What is run for a question. */
  readonly sequences: (question: EncodedQuestion) => readonly Sequence[];
}

export interface EncodedQuestions<Asked extends Question> {
  /** In the order of the questions. */
  readonly asked: readonly EncodedQuestion<Asked>[];
  readonly shortened: ShortenedPrompts;
}

/**
 * Questions as tokens, split as lm-evaluation-harness does it: the continuation's tokens are those of prompt, delimiter
 * and choice together past as many as the prompt has alone, and white space at the end of a prompt is the
 * continuation's. Prompts that are too long for the model lose whole examples first, those of a question's choices
 * alike, then tokens on the left.
 *
 * Under a limit of tokens that run, those of a shared prefix once, questions are taken in an order of which each
 * beginning is spread evenly, up to the first that no longer fits.
 *
 * @throws PrunecastError INVALID_REQUEST for a choice that has no tokens or more than the model has positions, with its
 * file and line; for a token limit below one question, and for more questions than a plan can hold
 */
export async function encodeQuestions<Asked extends Question>(
  questions: readonly Asked[],
  rows: EvaluationRows,
  { tokenLimit }: Pick<RowsProtocol, 'tokenLimit'>,
  form: QuestionForm,
): Promise<EncodedQuestions<Asked>> {
  const front = takeBos(rows, form);
  const places = tokenLimit === undefined ? [...questions.keys()] : spreadPlaces(questions.length);
  const asked: Placed<Asked>[] = [];
  let tokens = 0;
  const countRun = (some: readonly Placed<Asked>[]): number =>
    measureSequences(some.flatMap(({ encoded }) => form.sequences(encoded))).tokens;
  for (let at = 0; at < places.length; at += QUESTIONS_A_STEP) {
    const step = places.slice(at, at + QUESTIONS_A_STEP);
    const encoded = await encodeAll(
      step.map((place) => questions[place] as Asked),
      rows,
      form,
      front,
    );
    for (const [index, question] of encoded.entries()) {
      tokens += countTokens(form.sequences(question));
      requireMeasurable(tokens, rows);
      asked.push({ place: step[index] as number, encoded: question });
    }
    if (tokenLimit !== undefined && countRun(asked) > tokenLimit) {
      const fitting = asked.slice(
        0,
        findMost(asked.length, (count) => countRun(asked.slice(0, count)) <= tokenLimit),
      );
      if (fitting.length === 0)
        throw PrunecastError.ofField(
          'token_limit',
          `is ${tokenLimit}, less than one question of ${countRun(asked.slice(0, 1))} tokens`,
        );
      return finish(fitting);
    }
  }
  return finish(asked);
}

/** Of long prompts this many are a hundred thousand tokens. */
const QUESTIONS_A_STEP = 64;

/** The largest count below `over` that fits, if all below one that fits do; 0 fits. */
function findMost(over: number, fits: (count: number) => boolean): number {
  let [least, most] = [0, over];
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (fits(middle)) least = middle;
    else most = middle;
  }
  return least;
}

/** Most tokens in all sequences of a plan, which is held in memory: 256 MiB. All of MMLU with 5 examples has 45 million. */
const MOST_TOKENS = 2 ** 26;

function requireMeasurable(tokens: number, { files }: EvaluationRows): void {
  if (tokens <= MOST_TOKENS) return;
  throw new PrunecastError(
    'INVALID_REQUEST',
    `the questions of ${files.length === 1 ? files[0]?.name : `${files.length} files`} have more than ${MOST_TOKENS} tokens: set a token limit, or ask fewer questions`,
  );
}

interface ShortenedQuestion<Asked extends Question> extends EncodedQuestion<Asked> {
  readonly hasFewerShots: boolean;
  readonly isCut: boolean;
}

interface Placed<Asked extends Question> {
  readonly place: number;
  readonly encoded: ShortenedQuestion<Asked>;
}

function finish<Asked extends Question>(asked: readonly Placed<Asked>[]): EncodedQuestions<Asked> {
  const inOrder = asked.toSorted((a, b) => a.place - b.place).map(({ encoded }) => encoded);
  return {
    asked: inOrder,
    shortened: {
      fewerShots: inOrder.filter(({ hasFewerShots }) => hasFewerShots).length,
      cut: inOrder.filter(({ isCut }) => isCut).length,
    },
  };
}

function takeBos({ bosToken }: EvaluationRows, { bos }: QuestionForm): readonly number[] {
  if (!bos) return [];
  if (bosToken === undefined)
    throw new PrunecastError(
      'INVALID_REQUEST',
      "the option bos is set, and the model's config.json names no bos_token_id of its vocabulary: leave it off",
    );
  return [bosToken];
}

/** Each question with as many examples as fit. */
async function encodeAll<Asked extends Question>(
  questions: readonly Asked[],
  rows: EvaluationRows,
  form: QuestionForm,
  front: readonly number[],
): Promise<ShortenedQuestion<Asked>[]> {
  const done = new Map<Asked, ShortenedQuestion<Asked>>();
  let open = questions.map((question) => ({ question, shots: question.shots }));
  while (open.length > 0) {
    const encodeText = await tokenizeOnce(
      open.flatMap(({ question, shots }) => pairTexts(question, shots, form).flat()),
      rows,
    );
    const tooLong: typeof open = [];
    for (const { question, shots } of open) {
      const pairs = pairTexts(question, shots, form).map(([prompt, whole]) => {
        const promptTokens = encodeText(prompt);
        return { prompt: promptTokens, continuation: encodeText(whole).slice(promptTokens.length) };
      });
      const places = rows.maxPositions - front.length;
      const isTooLong = pairs.some(
        ({ prompt, continuation }) => prompt.length + Math.max(form.room, continuation.length) > places,
      );
      if (isTooLong && shots > 0) {
        tooLong.push({ question, shots: shots - 1 });
        continue;
      }
      done.set(question, {
        question,
        prompts: pairs.map(({ prompt, continuation }, choice) => {
          requireScored(question, choice, continuation.length, rows);
          if (front.length + prompt.length === 0) throw rowFault(question.place, EMPTY_PROMPT);
          const fitting = places - Math.max(form.room, continuation.length);
          const kept = Math.min(prompt.length, Math.max(1 - front.length, fitting));
          return Int32Array.from([...front, ...prompt.subarray(prompt.length - kept)]);
        }),
        continuations: pairs.map(({ continuation }) => continuation),
        hasFewerShots: shots < question.shots,
        isCut: isTooLong,
      });
    }
    open = tooLong;
  }
  return questions.map((question) => done.get(question) as ShortenedQuestion<Asked>);
}

/** Of each choice the text of its prompt, and that of prompt and continuation. */
function pairTexts(question: Question, shots: number, { delimiter }: QuestionForm): (readonly [string, string])[] {
  return question.prompts(shots).map((prompt, choice) => {
    const [body, space] = splitTrailingSpace(prompt);
    return [body, `${body}${space}${delimiter}${question.choices[choice]}`];
  });
}

/** The token ids of texts, each tokenized once however often it is there. */
async function tokenizeOnce(
  texts: readonly string[],
  { tokenize }: EvaluationRows,
): Promise<(text: string) => Int32Array> {
  const tokens = new Map<string, Int32Array>();
  for (const batch of batchTexts([...new Set(texts)])) {
    const encoded = await tokenize(batch);
    batch.forEach((text, index) => tokens.set(text, encoded[index] as Int32Array));
  }
  return (text) => tokens.get(text) as Int32Array;
}

/** Texts that are tokenized together, in characters: a tokenizer takes up to 600 bytes of memory per byte. */
const CHARACTERS_A_BATCH = 2 ** 20;

function batchTexts(texts: readonly string[]): string[][] {
  const batches: string[][] = [];
  let characters = Infinity;
  for (const text of texts) {
    if (characters + text.length > CHARACTERS_A_BATCH) {
      batches.push([]);
      characters = 0;
    }
    batches.at(-1)?.push(text);
    characters += text.length;
  }
  return batches;
}

function requireScored(
  { place, choices }: Question,
  choice: number,
  tokens: number,
  { maxPositions }: EvaluationRows,
): void {
  if (tokens === 0)
    throw rowFault(
      place,
      `choice ${choice}, ${quoteValue(choices[choice])}, has no tokens of its own behind the prompt`,
    );
  if (tokens >= maxPositions)
    throw rowFault(
      place,
      `choice ${choice} has ${tokens} tokens; the model has ${maxPositions} positions, one of them for the prompt`,
    );
}

const EMPTY_PROMPT =
  'its prompt is empty, so that nothing predicts the first token of a choice: change the prompt or set bos';
