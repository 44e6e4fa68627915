import { isRecord } from '../files/read-json.js';
import { decodeUtf8 } from './decode-utf8.js';
import type { Entry } from './entry.js';
import { nameEntry, readEntries } from './read-entries.js';
import { nameKind, refused } from './refused.js';
import { formatOf, type RowFormat, type TextFormat } from './text-format.js';

/** The field of a document if none is named. */
const DEFAULT_FIELD = 'text';

/** The format of a text in a file. A CSV file is plain text unless one of its columns is named. */
export function formatOfText(path: string, field: string | undefined): TextFormat {
  const format = formatOf(path);
  return format === 'csv' && field === undefined ? 'plain' : format;
}

/**
 * The documents of a file. Plain text is one, without its byte order mark. Of JSON lines, a JSON array, CSV or Parquet
 * each entry is one: its named field, or a string of an array as it is.
 *
 * @param field what is read of an object, the name of a column in the first row of CSV; `text` by default
 * @throws PrunecastError INVALID_REQUEST with the line and the offset of the first byte that is not text, or with the
 * line of the entry that has no text
 */
export async function readDocuments(
  bytes: Uint8Array<ArrayBuffer>,
  format: TextFormat,
  field?: string,
): Promise<readonly string[]> {
  if (format === 'plain') {
    if (field !== undefined)
      throw refused(
        `has no field \`${field}\`: a file of this name is plain text; fields are read of .jsonl, .ndjson, .json, .csv and .parquet`,
      );
    return [decodeUtf8(bytes)];
  }
  const entries = await readEntries(bytes, format);
  if (format === 'csv') return readColumn(entries, field ?? DEFAULT_FIELD);
  const wanted = WANTED[format](field ?? DEFAULT_FIELD);
  return entries.map((entry, index) => {
    const where = nameEntry(entry, index, format);
    const { value } = entry;
    if (typeof value === 'string' && format === 'json' && field === undefined) return requireWhole(value, where);
    if (!isRecord(value)) throw refused(`${wanted}; ${where} is ${nameKind(value)}`);
    return requireWhole(takeField(value, field ?? DEFAULT_FIELD, { wanted, where }), where);
  });
}

/** The documents as one text: a blank line separates them. */
export function joinDocuments(documents: readonly string[]): string {
  return documents.join('\n\n');
}

/** What a file should hold. */
const WANTED: Readonly<Record<Exclude<RowFormat, 'csv'>, (field: string) => string>> = {
  json: (field) => `a JSON text is an array of strings, or of objects with a string \`${field}\``,
  'json-lines': (field) => `each line of JSON lines is an object with a string \`${field}\``,
  parquet: (field) => `each row has a string \`${field}\``,
};

function takeField(
  value: Readonly<Record<string, unknown>>,
  field: string,
  { wanted, where }: { readonly wanted: string; readonly where: string },
): string {
  const text = Object.hasOwn(value, field) ? value[field] : undefined;
  if (typeof text === 'string') return text;
  throw refused(
    text === undefined
      ? `${wanted}; ${where} has none, but ${listNames(Object.keys(value))}`
      : `${wanted}; in ${where} it is ${nameKind(text)}`,
  );
}

/** A column by its name in the first row. */
function readColumn([header, ...rows]: readonly Entry[], field: string): string[] {
  if (header === undefined) throw refused('is empty: it has no row with the names of its columns');
  const names = header.value as readonly string[];
  const column = names.indexOf(field);
  if (column < 0) throw refused(`has no column \`${field}\` in its first row, but ${listNames(names)}`);
  return rows.map(({ line, value }) => {
    const fields = value as readonly string[];
    if (fields.length !== names.length)
      throw refused(`line ${line} has ${fields.length} fields, but the first row names ${names.length} columns`);
    return fields[column] ?? '';
  });
}

/** JSON can spell half a character, for which no tokenizer has a token. */
function requireWhole(text: string, where: string): string {
  if (/\p{Surrogate}/u.test(text))
    throw refused(`${where} has half of a surrogate pair (\\ud800 to \\udfff), which is no character`);
  return text;
}

const MOST_QUOTED = 120;

function listNames(names: readonly string[]): string {
  return names.length === 0
    ? 'no field at all'
    : names
        .map((name) => `\`${name}\``)
        .join(', ')
        .slice(0, MOST_QUOTED);
}
