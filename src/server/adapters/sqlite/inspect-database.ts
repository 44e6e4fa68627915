import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import { readIdentity, readOne } from './admit-database.js';

/** What a database of a state folder is like. */
export interface InspectedDatabase {
  /** 0: nothing was stored yet. */
  readonly schema: number;
  readonly jobs: number;
  /** What SQLite says of its pages; undefined if all is well. */
  readonly damage: string | undefined;
}

/** Looks into a database, as `readUnchanged` does. */
export function inspectDatabase(path: string, isOpen: boolean): Promise<InspectedDatabase> {
  return readUnchanged(path, isOpen, inspect);
}

/**
 * Reads a database and changes nothing, not even the files beside it.
 *
 * One that a server has open is read as that server's other readers would. Else what a killed server left in the log
 * beside it (`-wal`) counts too, and to read that means to change it: so a copy is read, and removed.
 *
 * @param isOpen whether a server has it open
 * @throws Error of SQLite, or of the file system
 */
export async function readUnchanged<Result>(
  path: string,
  isOpen: boolean,
  read: (database: Database.Database) => Result,
): Promise<Result> {
  if (isOpen) return readOpen(path, 'mode=ro', read);
  const log = await stat(`${path}-wal`).catch(() => undefined);
  if (log === undefined || log.size === 0) return readOpen(path, 'mode=ro&immutable=1', read);
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-copy-'));
  try {
    const copy = join(folder, 'copy.db');
    await copyFile(path, copy);
    await copyFile(`${path}-wal`, `${copy}-wal`);
    return readOpen(copy, 'mode=rw', read);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readOpen<Result>(path: string, mode: string, read: (database: Database.Database) => Result): Result {
  const database = new Database(`${pathToFileURL(path).href}?${mode}`);
  try {
    return read(database);
  } finally {
    database.close();
  }
}

function inspect(database: Database.Database): InspectedDatabase {
  const check = String(readOne(database, 'PRAGMA quick_check(1)'));
  const hasJobs =
    Number(readOne(database, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'jobs'")) > 0;
  return {
    schema: readIdentity(database).schema,
    jobs: hasJobs ? Number(readOne(database, 'SELECT count(*) FROM jobs')) : 0,
    damage: check === 'ok' ? undefined : check.replaceAll(/\s+/g, ' '),
  };
}
