import { CsvError, parse, type CsvErrorCode } from 'csv-parse/sync';
import type { Entry } from './entry.js';
import { refused } from './refused.js';

/**
 * The rows of a CSV file (RFC 4180) as arrays of their fields; a first row with names is a row like all others. Rows
 * may have different numbers of fields: what is right, the caller knows. Empty lines are skipped.
 *
 * @param bytes in UTF-8, with or without a byte order mark
 * @throws PrunecastError INVALID_REQUEST with the first line of the row at fault
 */
export function readCsv(bytes: Uint8Array): readonly Entry[] {
  const lineAt = createLineCounter(bytes);
  const entries: Entry[] = [];
  let end = 0; // of the last row, in bytes: the reader counts lines within a field in another way
  try {
    parse(bytes, {
      bom: true,
      relax_column_count: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n'],
      on_record: (record: string[], info) => {
        entries.push({ line: lineAt(end), value: record });
        end = info.bytes;
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw refused(`line ${lineAt(end)} is no row of CSV: ${PROBLEMS[error.code] ?? error.message}`);
  }
  return entries;
}

const PROBLEMS: Partial<Record<CsvErrorCode, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a field begins with a quotation mark and never ends with one',
  CSV_INVALID_CLOSING_QUOTE:
    'after a quotation mark in a quoted field a comma or the end of the line must follow; write a quotation mark of the text twice',
  INVALID_OPENING_QUOTE:
    'a quotation mark stands within a field that does not begin with one; put the field in quotation marks, and write those of the text twice',
};

const [NEWLINE, RETURN] = [0x0a, 0x0d];

/** The line, from 1, of the first byte at or after an offset that does not belong to an empty line; offsets only rise. */
function createLineCounter(bytes: Uint8Array): (offset: number) => number {
  let [line, at] = [1, 0];
  return (offset) => {
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (at >= offset && byte !== NEWLINE && byte !== RETURN) break;
      if (byte === NEWLINE) line += 1;
    }
    return line;
  };
}
