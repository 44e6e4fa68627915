import { extname } from 'node:path';

/**
 * How a file holds its documents or rows. `plain` is one document as it is; a JSON file is an array, JSON lines have
 * one value a line, a CSV file one row after the other, and Parquet columns of rows.
 */
export type TextFormat = 'plain' | RowFormat;

/** Formats of files that hold one entry after the other. */
export type RowFormat = 'json' | 'json-lines' | 'csv' | 'parquet';

/** By the end of a file's name. */
const ROW_FORMATS: Readonly<Record<string, RowFormat>> = {
  '.csv': 'csv',
  '.json': 'json',
  '.jsonl': 'json-lines',
  '.ndjson': 'json-lines',
  '.parquet': 'parquet',
};

/** The ends of names of files with rows. */
export const ROW_FILE_ENDINGS: readonly string[] = Object.keys(ROW_FORMATS);

/** The format that a file's name says, in lower or upper case. */
export function formatOf(path: string): TextFormat {
  return rowFormatOf(path) ?? 'plain';
}

/** undefined if a file of this name has no rows. */
export function rowFormatOf(path: string): RowFormat | undefined {
  return ROW_FORMATS[extname(path).toLowerCase()];
}
