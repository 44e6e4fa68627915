import type { EvaluationRows } from '../../../../core/ports/evaluator.js';
import { LETTERS } from './read-subjects.js';

/** Which letter, as index from 0, a token is, by token id. */
export type AnswerLetters = ReadonlyMap<number, number>;

/** What may stand before the letter in one token with it, or let the tokenizer write it as another token. */
const FORMS = ['', ' ', '\n', '(', ' ('];

/** The tokens that a generated letter can be: the last of each form, unless two letters have it in common. */
export async function findAnswerLetters({ tokenize }: Pick<EvaluationRows, 'tokenize'>): Promise<AnswerLetters> {
  const texts = FORMS.flatMap((before) => LETTERS.map((letter, index) => ({ text: before + letter, index })));
  const tokens = await tokenize(texts.map(({ text }) => text));
  const found = texts.flatMap(({ index }, place) => {
    const last = tokens[place]?.at(-1);
    return last === undefined ? [] : [{ last, index }];
  });
  return new Map(
    found
      .filter(({ last, index }) => found.every((other) => other.last !== last || other.index === index))
      .map(({ last, index }) => [last, index]),
  );
}

/** The first letter of a generated answer, as index from 0; undefined if it has none. */
export function parseAnswer(generated: Int32Array, letters: AnswerLetters): number | undefined {
  const token = generated.find((id) => letters.has(id));
  return token === undefined ? undefined : letters.get(token);
}
