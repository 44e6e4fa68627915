import { didYouMean } from '../../../../core/errors/nearest.js';
import { PrunecastError } from '../../../../core/errors/prunecast-error.js';
import type { DataFile, DataRow } from '../../../../core/ports/evaluator.js';
import { placeRows, quoteValue, rowFault, type RowPlace } from '../question.js';

/** The answers, as prompts and files name them. */
export const LETTERS = ['A', 'B', 'C', 'D'] as const;

/** A row of MMLU: a question, its four choices, and which of them is right. */
export interface MmluRow {
  readonly question: string;
  readonly choices: readonly string[];
  readonly gold: number;
}

export interface Subject {
  /** As its files are named: `abstract_algebra`. */
  readonly name: string;
  /** The first rows of its dev file. */
  readonly examples: readonly MmluRow[];
  readonly rows: readonly (MmluRow & { readonly place: RowPlace })[];
  /** Questions of all subjects before this one, asked or not. */
  readonly before: number;
}

/**
 * The subjects of a folder with `test/SUBJECT_test.csv` and `dev/SUBJECT_dev.csv`, in the order of their names.
 *
 * @param subjects those that are wanted; none for all
 * @param shots examples that each needs
 * @throws PrunecastError INVALID_REQUEST for a subject without its file, and for a row that is no question, with its line
 */
export function readSubjects(
  files: readonly DataFile[],
  { subjects, shots }: { readonly subjects: readonly string[]; readonly shots: number },
): Subject[] {
  const tests = findFiles(files, 'test');
  if (tests.size === 0)
    throw new PrunecastError(
      'INVALID_REQUEST',
      'has no file test/SUBJECT_test.csv: name the folder of MMLU that has the folders dev and test',
    );
  const absent = subjects.find((name) => !tests.has(name));
  if (absent !== undefined)
    throw new PrunecastError(
      'INVALID_REQUEST',
      `has no file test/${absent}_test.csv for the subject ${quoteValue(absent)}${didYouMean(absent, tests.keys())}`,
    );
  const examples = findFiles(files, 'dev');
  let before = 0;
  return [...tests.keys()].toSorted().flatMap((name) => {
    const test = tests.get(name) as DataFile;
    const first = before;
    before += test.rows.length;
    if (subjects.length > 0 && !subjects.includes(name)) return [];
    return [
      {
        name,
        examples: readExamples(name, examples.get(name), shots),
        rows: placeRows(test).map(({ place, values }) => ({ ...readRow(values, place), place })),
        before: first,
      },
    ];
  });
}

/** The files of a folder by their subjects. */
function findFiles(files: readonly DataFile[], folder: 'dev' | 'test'): Map<string, DataFile> {
  const [start, end] = [`${folder}/`, `_${folder}.csv`];
  return new Map(
    files
      .filter(({ name }) => name.startsWith(start) && name.endsWith(end))
      .map((file) => [file.name.slice(start.length, -end.length), file]),
  );
}

function readExamples(subject: string, file: DataFile | undefined, shots: number): MmluRow[] {
  if (shots === 0) return [];
  const name = `dev/${subject}_dev.csv`;
  if (file === undefined)
    throw new PrunecastError(
      'INVALID_REQUEST',
      `has no file ${name}, which the ${shots} examples of the subject ${subject} are taken from: add it, or ask for 0 shots`,
      { metadata: { file: name } },
    );
  if (file.rows.length < shots)
    throw new PrunecastError(
      'INVALID_REQUEST',
      `${name} has ${file.rows.length} rows, and ${shots} examples are taken from it: ask for fewer shots`,
      { metadata: { file: name } },
    );
  return placeRows(file)
    .slice(0, shots)
    .map(({ place, values }) => readRow(values, place));
}

function readRow(values: DataRow['values'], place: RowPlace): MmluRow {
  if (!isRow(values))
    throw rowFault(
      place,
      `has ${Object.keys(values).length} columns; a question has 6: the question, four choices and the letter of the right one`,
    );
  const [question, ...rest] = values;
  const gold = LETTERS.indexOf(rest[4] as (typeof LETTERS)[number]);
  if (gold < 0) throw rowFault(place, `its answer is ${quoteValue(rest[4])}; A, B, C or D is allowed`);
  return { question, choices: rest.slice(0, 4), gold };
}

function isRow(values: DataRow['values']): values is readonly [string, ...string[]] {
  return Array.isArray(values) && values.length === 6;
}
