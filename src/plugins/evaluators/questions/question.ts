import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { DataFile, DataRow } from '../../../core/ports/evaluator.js';

/** A question with choices, of which one is right. */
export interface Question {
  /** What tells it apart from all others of the data set. */
  readonly number: number;
  readonly place: RowPlace;
  /** The most examples that its prompts can begin with. */
  readonly shots: number;
  /** What stands before each choice, one text per choice, with so many examples in front. */
  readonly prompts: (shots: number) => readonly string[];
  /** What is scored after each prompt, without the delimiter between the two; one or more characters each. */
  readonly choices: readonly string[];
  /** Which choice is right. */
  readonly gold: number;
}

/** Where a row was read. */
export interface RowPlace {
  readonly file: string;
  readonly line: number;
}

/** The rows of a file, each with its place. */
export function placeRows({
  name,
  rows,
}: DataFile): { readonly place: RowPlace; readonly values: DataRow['values'] }[] {
  return rows.map(({ line, values }) => ({ place: { file: name, line }, values }));
}

/** INVALID_REQUEST: what is wrong with a row, and where it is. */
export function rowFault({ file, line }: RowPlace, fault: string): PrunecastError {
  return new PrunecastError('INVALID_REQUEST', `${file}, line ${line}: ${fault}`, {
    metadata: { file, line: String(line) },
  });
}

/** A value as it may stand in a message: in quotes, and cut if it is long. */
export function quoteValue(value: unknown): string {
  const text =
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part)) ?? 'nothing';
  return text.length > MOST_QUOTED ? `${text.slice(0, MOST_QUOTED)}…` : text;
}

const MOST_QUOTED = 80;
