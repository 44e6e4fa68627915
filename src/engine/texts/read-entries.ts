import { setImmediate } from 'node:timers/promises';
import { findJsonError } from '../files/find-json-error.js';
import { decodeUtf8 } from './decode-utf8.js';
import type { Entry } from './entry.js';
import { nameKind, refused } from './refused.js';
import { placeEntries } from './place-entries.js';
import { readCsv } from './read-csv.js';
import { readParquet } from './read-parquet.js';
import type { RowFormat } from './text-format.js';

/**
 * All entries of a file; lines that are empty are none.
 *
 * @throws PrunecastError INVALID_REQUEST with the line at fault
 */
export async function readEntries(bytes: Uint8Array<ArrayBuffer>, format: RowFormat): Promise<readonly Entry[]> {
  switch (format) {
    case 'parquet':
      return readParquet(bytes);
    case 'csv':
      decodeUtf8(bytes); // the reader would put a mark in place of bytes that are no text
      return readCsv(bytes);
    case 'json':
      return readArray(decodeUtf8(bytes));
    case 'json-lines':
      return readLines(decodeUtf8(bytes));
  }
}

/** What an entry is called in messages, by its place among all and its line. */
export function nameEntry({ line }: Pick<Entry, 'line'>, index: number, format: RowFormat): string {
  switch (format) {
    case 'parquet':
      return `row ${index + 1}`;
    case 'json':
      return `entry ${index + 1} (line ${line})`;
    default:
      return `line ${line}`;
  }
}

function readArray(content: string): Entry[] {
  const parsed = parseJson(content, 1);
  if (!Array.isArray(parsed)) throw refused(`a JSON file holds an array; this file is ${nameKind(parsed)}`);
  const lines = placeEntries(content);
  return parsed.map((value: unknown, index) => ({ line: lines[index] ?? 1, value }));
}

/** Lines that are parsed in one turn of the event loop. */
const LINES_A_TURN = 4096;

async function readLines(content: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const [index, line] of content.split('\n').entries()) {
    if (index % LINES_A_TURN === LINES_A_TURN - 1) await setImmediate();
    if (line.trim() !== '') entries.push({ line: index + 1, value: parseJson(line, index + 1) });
  }
  return entries;
}

/** @param firstLine the line that the JSON begins in */
function parseJson(content: string, firstLine: number): unknown {
  try {
    return JSON.parse(content);
  } catch {
    const error = findJsonError(content);
    if (error === undefined) throw refused(`line ${firstLine} is not JSON: NaN and Infinity are no numbers of it`);
    const { line, column, found } = error;
    const problem = found === undefined ? 'it ends too early' : `${JSON.stringify(found)} is not allowed there`;
    throw refused(`line ${firstLine + line - 1} is not JSON: column ${column}: ${problem}`);
  }
}
