import { isUtf8 } from 'node:buffer';
import { extname } from 'node:path';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { isRecord } from '../files/read-json.js';
import { describeBytes } from './describe-bytes.js';
import { findBadByte } from './find-bad-byte.js';

/** How a file holds its text: as it is, as a JSON array of strings, or as one JSON object with a `text` per line. */
export type TextFormat = 'plain' | 'json' | 'json-lines';

/** The format that a file's name says, in lower or upper case. */
export function formatOf(path: string): TextFormat {
  switch (extname(path).toLowerCase()) {
    case '.json':
      return 'json';
    case '.jsonl':
    case '.ndjson':
      return 'json-lines';
    default:
      return 'plain';
  }
}

/**
 * The text of a file in UTF-8. A byte order mark is removed; documents of a JSON file are joined by a blank line.
 *
 * @throws PrunecastError INVALID_REQUEST with the offset of the first byte that is not text, or with the bad line or
 * entry
 */
export function decodeText(bytes: Uint8Array, format: TextFormat): string {
  const bad = isUtf8(bytes) ? undefined : findBadByte(bytes);
  if (bad !== undefined)
    throw noText(
      bytes,
      `is not UTF-8: the byte at offset ${bad}, 0x${(bytes[bad] ?? 0).toString(16).padStart(2, '0')}, belongs to no character`,
    );
  const nul = bytes.indexOf(0);
  if (nul !== -1) throw noText(bytes, `has a NUL at offset ${nul}, which no text has`);
  const content = new TextDecoder().decode(bytes); // removes the byte order mark
  return format === 'plain' ? content : joinDocuments(format === 'json' ? listEntries(content) : listLines(content));
}

/** What separates documents of one text: a blank line. */
function joinDocuments(documents: readonly string[]): string {
  return documents.join('\n\n');
}

const WANTED_ARRAY = 'a JSON text is an array of strings (or JSON lines with a `text` each, in a file named .jsonl)';

function listEntries(content: string): readonly string[] {
  const parsed = parseJson(content, `${WANTED_ARRAY}; this file`);
  if (!Array.isArray(parsed)) throw refused(`${WANTED_ARRAY}; this file is ${nameKind(parsed)}`);
  return parsed.map((entry: unknown, at) => {
    if (typeof entry !== 'string') throw refused(`${WANTED_ARRAY}; entry ${at + 1} is ${nameKind(entry)}`);
    return requireWhole(entry, `entry ${at + 1}`);
  });
}

const WANTED_LINES = 'each line of JSON lines is an object with a string `text`';

function listLines(content: string): readonly string[] {
  return content.split('\n').flatMap((line, at) => {
    if (line.trim() === '') return [];
    const parsed = parseJson(line, `${WANTED_LINES}; line ${at + 1}`);
    if (!isRecord(parsed)) throw refused(`${WANTED_LINES}; line ${at + 1} is ${nameKind(parsed)}`);
    const { text } = parsed;
    if (typeof text === 'string') return [requireWhole(text, `line ${at + 1}`)];
    throw refused(
      text === undefined
        ? `${WANTED_LINES}; line ${at + 1} has none, but ${listFields(parsed)}`
        : `${WANTED_LINES}; in line ${at + 1} it is ${nameKind(text)}`,
    );
  });
}

function parseJson(content: string, what: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw refused(
      `${what} is not JSON: ${(cause instanceof Error ? cause.message : String(cause)).slice(0, MOST_QUOTED)}`,
    );
  }
}

/** JSON can spell half a character, for which no tokenizer has a token. */
function requireWhole(text: string, where: string): string {
  if (/\p{Surrogate}/u.test(text))
    throw refused(`${where} has half of a surrogate pair (\\ud800 to \\udfff), which is no character`);
  return text;
}

const MOST_QUOTED = 120;

function listFields(value: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(value).map((name) => `\`${name}\``);
  return names.length === 0 ? 'no field at all' : names.join(', ').slice(0, MOST_QUOTED);
}

function nameKind(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function noText(bytes: Uint8Array, problem: string): PrunecastError {
  const { kind, remedy } = describeBytes(bytes);
  return refused(`${problem}; it looks like ${kind}: send a text in UTF-8 (${remedy})`);
}

function refused(problem: string): PrunecastError {
  return new PrunecastError('INVALID_REQUEST', problem);
}
