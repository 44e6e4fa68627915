import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listForeign, STATE_FOLDERS } from '../adapters/files/private-state.js';
import { examineDatabase, type ExaminedDatabase } from '../adapters/sqlite/examine-database.js';
import { SCHEMA_VERSION } from '../adapters/sqlite/migrations.js';
import type { Check } from '../doctor/check.js';
import { findServing } from '../doctor/find-serving.js';
import { requireStore } from './require-store.js';

const RESTORE = 'put back a backup (`prunecast state backup` makes one), or name another state folder with --state-dir';

/**
 * Whether all that a state folder holds is whole, and how large it is. Nothing is written.
 *
 * @throws Error that says what to do if it is no state folder
 */
export async function* checkStoredState(stateDirectory: string): AsyncGenerator<Check, void, undefined> {
  const path = await requireStore(stateDirectory);
  const serving = await findServing(stateDirectory).catch(() => undefined);
  let found: ExaminedDatabase;
  try {
    found = await examineDatabase(path, serving !== undefined);
  } catch (error) {
    yield {
      name: 'database',
      state: 'fail',
      finding: `${path} cannot be read (${error instanceof Error ? error.message : String(error)})`,
      advice: RESTORE,
    };
    return;
  }
  const { schema, damage, orphans, tables, freeBytes } = found;
  if (damage.length > 0) {
    for (const finding of damage)
      yield { name: 'database', state: 'fail', finding: finding.replaceAll(/\s+/g, ' '), advice: RESTORE };
    return;
  }
  yield { name: 'database', state: 'ok', finding: 'all pages, indexes and references are whole' };
  yield describeSchema(schema);
  const loose = Object.entries(orphans);
  yield loose.length === 0
    ? { name: 'rows', state: 'ok', finding: 'each belongs to a job, study or predictor' }
    : {
        name: 'rows',
        state: 'warn',
        finding: `without their job, study or predictor: ${loose.map(([table, rows]) => `${rows} of ${table}`).join(', ')}`,
        advice: 'they take space and do no harm; report it',
      };
  for (const { name, bytes, rows } of tables.filter((table) => table.rows > 0))
    yield { name: 'table', state: 'ok', finding: `${name}: ${rows} rows, ${bytes} bytes` };
  yield { name: 'free', state: 'ok', finding: `${freeBytes} bytes within the database are unused` };
  for (const folder of STATE_FOLDERS) {
    const bytes = await measure(join(stateDirectory, folder));
    if (bytes > 0) yield { name: 'folder', state: 'ok', finding: `${folder}: ${bytes} bytes` };
  }
  const foreign = await listForeign(stateDirectory);
  yield foreign.length === 0
    ? { name: 'files', state: 'ok', finding: 'nothing else lies in the folder' }
    : {
        name: 'files',
        state: 'warn',
        finding: `not of Prunecast: ${foreign.slice(0, 10).join(', ')}${foreign.length > 10 ? ` and ${foreign.length - 10} more` : ''}`,
        advice: 'move them elsewhere: the folder is kept private for as long as nothing else lies in it',
      };
}

function describeSchema(schema: number): Check {
  if (schema > SCHEMA_VERSION)
    return {
      name: 'schema',
      state: 'fail',
      finding: `${schema}, of a later version of Prunecast; this one knows ${SCHEMA_VERSION}`,
      advice: 'use that version, or name another state folder with --state-dir',
    };
  const finding =
    schema < SCHEMA_VERSION ? `${schema}; the next server brings it to ${SCHEMA_VERSION}` : `${schema}, the newest`;
  return { name: 'schema', state: 'ok', finding };
}

/** Bytes of all files in a folder; 0 if it is not there. */
async function measure(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries)
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0;
  return bytes;
}
