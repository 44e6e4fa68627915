import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { STATE_DATABASES } from '../adapters/files/private-state.js';
import { inspectDatabase } from '../adapters/sqlite/inspect-database.js';
import { SCHEMA_VERSION } from '../adapters/sqlite/migrations.js';
import type { Check } from './check.js';
import { formatMib } from './check-folder.js';
import { findServing } from './find-serving.js';

const name = 'database';
const ANOTHER = 'another state folder, with --state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR';

/** Whether the database of a state folder can be read by this version. Nothing is changed. */
export async function checkDatabase(stateDirectory: string): Promise<Check> {
  const path = join(stateDirectory, STATE_DATABASES.store);
  try {
    const file = await stat(path);
    const serving = await findServing(stateDirectory);
    const { schema, jobs, damage } = await inspectDatabase(path, serving !== undefined);
    if (damage !== undefined) return describeDamage(path, damage);
    if (schema > SCHEMA_VERSION)
      return {
        name,
        state: 'fail',
        finding: `${path} is of a later version of Prunecast (schema ${schema}; this one knows ${SCHEMA_VERSION})`,
        advice: `use that version, or name ${ANOTHER}`,
      };
    const size = `${jobs} ${jobs === 1 ? 'job' : 'jobs'}, ${formatMib(file.size)}`;
    const finding =
      schema === 0
        ? `${path}: empty`
        : schema < SCHEMA_VERSION
          ? `${path}: readable, ${size}; the next server brings schema ${schema} to ${SCHEMA_VERSION}, which earlier versions cannot use`
          : `${path}: readable, schema ${schema}, ${size}`;
    return { name, state: 'ok', finding };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT') return { name, state: 'ok', finding: 'none yet: the first server makes it' };
    if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(code)) return describeDamage(path, message);
    return {
      name,
      state: 'fail',
      finding: `${path} cannot be read (${code === 'EACCES' ? 'your user may not' : message})`,
      advice: `give your user the right to read and write it (\`ls -l\` shows who owns it), or name ${ANOTHER}`,
    };
  }
}

function describeDamage(path: string, damage: string): Check {
  return {
    name,
    state: 'fail',
    finding: `${path} is damaged (${damage})`,
    advice: `put back a copy of the whole state folder, or name ${ANOTHER}: without a copy its jobs and labels are lost`,
  };
}
