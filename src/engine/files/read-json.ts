import type { CheckpointFiles } from './checkpoint-files.js';
import { findJsonError } from './find-json-error.js';
import { malformed, show } from './model-errors.js';
import { recogniseContent } from './recognise-content.js';

/**
 * A JSON object from a file of the checkpoint, its size checked before it is read.
 *
 * Returns undefined if there is no such file. Throws MODEL_MALFORMED.
 */
export async function readJsonObject(
  files: Pick<CheckpointFiles, 'read'>,
  file: string,
  maxBytes: number,
): Promise<Record<string, unknown> | undefined> {
  const text = await files.read(file, maxBytes);
  return text === undefined ? undefined : parseJsonObject(text, file);
}

/**
 * Parses untrusted bytes as a JSON object in UTF-8, with or without a byte order mark, and with the `NaN` and
 * `Infinity` that Python writes. Throws MODEL_MALFORMED that says what the file is instead, or the line and column at
 * which it stops being JSON.
 */
export function parseJsonObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  const text = decodeText(bytes, file);
  const value = parseJson(text, file);
  requireShallow(text, file);
  if (isRecord(value)) return value;
  throw malformed(file, `must hold a JSON object, not ${show(value)}`);
}

function decodeText(bytes: Uint8Array, file: string): string {
  const foreign = recogniseContent(bytes);
  if (foreign !== undefined) throw malformed(file, foreign);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw malformed(file, 'is not JSON: it is not in UTF-8; save it as UTF-8', { cause });
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const error = findJsonError(text);
    if (error === undefined) return parsePython(text);
    const problem = error.found === undefined ? 'it ends too early' : `${show(error.found)} is not allowed there`;
    throw malformed(file, `is not JSON: line ${error.line}, column ${error.column}: ${problem}`, { cause });
  }
}

/**
 * Deepest nesting that is read. tokenizer.json has about 8 levels, the per-layer form has 4. Code that walks a value
 * calls itself once per level.
 */
export const MAX_DEPTH = 64;

/** Looks at the brackets of text that is JSON: a vocabulary takes ten times as long to walk through. */
function requireShallow(text: string, file: string): void {
  let depth = -1; // what is not nested has 0
  let inString = false;
  for (let place = 0; place < text.length; place += 1) {
    const code = text.charCodeAt(place);
    if (code === QUOTE) inString = !inString;
    else if (inString) place += code === BACKSLASH ? 1 : 0;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      if (depth > MAX_DEPTH) throw malformed(file, `is nested deeper than ${MAX_DEPTH} levels, the most that are read`);
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
  }
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_BRACKET, CLOSE_BRACKET] = [0x5b, 0x5d];
const [OPEN_BRACE, CLOSE_BRACE] = [0x7b, 0x7d];

/** Matches strings, so that what looks like a number inside them is left alone, and the numbers that JSON lacks. */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|NaN|-?Infinity/g;

/** Marks a number that JSON lacks while it is parsed as a string. */
const MARK = '\0';

/** Parses text that is JSON except for the numbers `NaN`, `Infinity` and `-Infinity`. */
function parsePython(text: string): unknown {
  const marked = text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') ? token : JSON.stringify(MARK + token),
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? Number(value.slice(1)) : value,
  );
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
