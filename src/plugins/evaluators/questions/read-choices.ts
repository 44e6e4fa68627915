import type { DataRow } from '../../../core/ports/evaluator.js';
import { quoteValue, rowFault, type RowPlace } from './question.js';
import { fillTemplate, listFields, readField, readText } from './template.js';

/** Where in a row its question stands. */
export interface QuestionFields {
  /** Template of the prompt. */
  readonly prompt: string;
  /** The field that is the list of choices, or the fields that are one choice each. */
  readonly choices: string | readonly string[];
  /** The field with the right choice, as index from 0 or as letter. */
  readonly answer: string;
}

export interface ReadQuestion {
  /** One per choice. */
  readonly prompts: readonly string[];
  readonly choices: readonly string[];
  readonly gold: number;
}

/**
 * The question of a row. A row with `context_options` and `continuation` asks which of several contexts makes one
 * continuation more likely (Winogrande); any other row asks which choice follows its prompt.
 *
 * @throws PrunecastError INVALID_REQUEST with file and line
 */
export function readQuestion(values: DataRow['values'], place: RowPlace, fields: QuestionFields): ReadQuestion {
  const contexts = readField(values, 'context_options');
  const prompts = contexts === undefined ? undefined : readList(contexts, 'context_options', place);
  const choices =
    prompts === undefined
      ? readChoices(values, place, fields)
      : prompts.map(() => requireText(readText(values, 'continuation', place), 'its continuation', place));
  return {
    prompts: prompts ?? choices.map(() => fillTemplate(fields.prompt, values, place)),
    choices,
    gold: readAnswer(values, place, fields.answer, choices.length),
  };
}

function readChoices(
  values: DataRow['values'],
  place: RowPlace,
  { choices }: Pick<QuestionFields, 'choices'>,
): readonly string[] {
  if (typeof choices !== 'string')
    return choices.map((name) => requireText(readText(values, name, place), `its choice "${name}"`, place));
  const list = readField(values, choices);
  if (list === undefined) throw rowFault(place, `has no field "${choices}"; it has ${listFields(values)}`);
  return readList(list, choices, place);
}

function readList(list: unknown, name: string, place: RowPlace): readonly string[] {
  if (!Array.isArray(list) || list.length < 2 || list.length > MOST_CHOICES)
    throw rowFault(place, `its field "${name}" is ${quoteValue(list)}; a list of 2 to ${MOST_CHOICES} texts is needed`);
  return list.map((choice: unknown, index) => requireText(choice, `its choice ${index} of "${name}"`, place));
}

/** As many as there are letters. */
const MOST_CHOICES = 26;

function requireText(value: unknown, what: string, place: RowPlace): string {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || text === '')
    throw rowFault(place, `${what} is ${quoteValue(value)}; a text that is not empty is needed`);
  return text;
}

function readAnswer(values: DataRow['values'], place: RowPlace, name: string, choices: number): number {
  const value = readField(values, name);
  if (value === undefined)
    throw rowFault(place, `has no field "${name}" with the answer; it has ${listFields(values)}`);
  const gold = typeof value === 'string' ? readIndex(value) : value;
  if (typeof gold !== 'number' || !Number.isInteger(gold) || gold < 0 || gold >= choices)
    throw rowFault(
      place,
      `its answer "${name}" is ${quoteValue(value)}; with ${choices} choices 0 to ${choices - 1} or A to ${letterOf(choices - 1)} is allowed`,
    );
  return gold;
}

/** The index that a text of digits or one capital letter stands for; undefined for another text. */
function readIndex(text: string): number | undefined {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  return /^[A-Z]$/.test(text) ? text.charCodeAt(0) - FIRST_LETTER : undefined;
}

function letterOf(index: number): string {
  return String.fromCharCode(FIRST_LETTER + index);
}

const FIRST_LETTER = 65;
