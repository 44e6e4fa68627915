import { stat } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import { attempt, describeDamage } from './guarded-database.js';
import { SCHEMA_VERSION } from './migrations.js';

/** The largest file whose pages are all looked at before a server uses it: about a second on a slow disk. */
const MOST_CHECKED_BYTES = 256 * 2 ** 20;

/**
 * Makes sure that a file is a database that this version may write, before anything is written to it or to the files
 * beside it: whole, as far as `MOST_CHECKED_BYTES` go, and of no later version. An empty file, or none, is one.
 *
 * @throws PrunecastError STATE_DAMAGED
 * @throws Error that says what to do, if it is of a later version, or of another program
 */
export async function admitDatabase(path: string): Promise<void> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) return;
  if (!file.isFile())
    throw new Error(`${path} is no file: move away what is there, or name another state folder with --state-dir DIR`);
  const database = openForReading(path);
  try {
    const { schema, tables } = readIdentity(database);
    requireKnownSchema(path, schema);
    if (schema === 0 && tables > 0)
      throw new Error(
        `${path} is a database of another program: name another state folder with --state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR`,
      );
    if (file.size > MOST_CHECKED_BYTES) return;
    const damage = String(attempt(() => readOne(database, 'PRAGMA quick_check(1)')));
    if (damage !== 'ok') throw describeDamage({ finding: damage.replaceAll(/\s+/g, ' ') });
  } finally {
    database.close();
  }
}

/**
 * Opens a database to be read, together with the log beside it (`-wal`): as it is now, whatever a server writes
 * meanwhile. Neither is changed; SQLite may make its index (`-shm`).
 */
export function openForReading(path: string): Database.Database {
  const database = attempt(() => new Database(`${pathToFileURL(path).href}?mode=ro`));
  attempt(() => database.exec('PRAGMA busy_timeout = 5000'));
  return database;
}

/** @throws Error if a database is of a later version of Prunecast */
export function requireKnownSchema(path: string, schema: number): void {
  if (schema > SCHEMA_VERSION)
    throw new Error(
      `${path} was written by a newer server (schema ${schema}; this one knows ${SCHEMA_VERSION}), and is left as it is: use that version, or another state folder`,
    );
}

/** The schema of a database, 0 if nothing of Prunecast is in it, and how many tables it has. */
export function readIdentity(database: Database.Database): { readonly schema: number; readonly tables: number } {
  const tables = Number(attempt(() => readOne(database, "SELECT count(*) FROM sqlite_master WHERE type = 'table'")));
  const isOurs =
    Number(readOne(database, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'")) >
    0;
  // A server that was killed while it made the database has left the table alone.
  const schema = isOurs ? Number(attempt(() => readOne(database, 'SELECT max(version) FROM schema_version')) ?? 0) : 0;
  return { schema, tables: isOurs ? 0 : tables };
}

/** The first column of the first row; undefined if there is none. */
export function readOne(database: Database.Database, sql: string): unknown {
  return (database.prepare(sql).raw().get() as readonly unknown[] | undefined)?.[0];
}
