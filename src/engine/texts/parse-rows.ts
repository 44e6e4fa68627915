import type { DataRow } from '../../core/ports/evaluator.js';
import { isRecord } from '../files/read-json.js';
import { nameEntry, readEntries } from './read-entries.js';
import { nameKind, refused } from './refused.js';
import type { RowFormat } from './text-format.js';

/**
 * The rows of a data set's file, at least one.
 *
 * @throws PrunecastError INVALID_REQUEST with the line at fault
 */
export async function parseRows(bytes: Uint8Array<ArrayBuffer>, format: RowFormat): Promise<readonly DataRow[]> {
  if (bytes.length === 0) throw refused('is empty: it has no rows');
  const entries = await readEntries(bytes, format);
  if (entries.length === 0) throw refused('has no rows');
  return entries.map((entry, index) => {
    const { line, value } = entry;
    if (format === 'csv') return { line, values: value as readonly string[] };
    if (isRecord(value)) return { line, values: value };
    throw refused(`each row is an object; ${nameEntry(entry, index, format)} is ${nameKind(value)}`);
  });
}
