import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';

/** What a database of a state folder is like. */
export interface InspectedDatabase {
  /** 0: nothing was stored yet. */
  readonly schema: number;
  readonly jobs: number;
  /** What SQLite says of its pages; undefined if all is well. */
  readonly damage: string | undefined;
}

/**
 * Looks into a database and changes nothing, not even the files beside it.
 *
 * One that a server has open is read as that server's other readers would. Else what a killed server left in the log
 * beside it (`-wal`) counts too, and to read that means to change it: so a copy is read, and removed.
 *
 * @param isOpen whether a server has it open
 * @throws Error of SQLite, or of the file system
 */
export async function inspectDatabase(path: string, isOpen: boolean): Promise<InspectedDatabase> {
  if (isOpen) return read(path, 'mode=ro');
  const log = await stat(`${path}-wal`).catch(() => undefined);
  if (log === undefined || log.size === 0) return read(path, 'mode=ro&immutable=1');
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-doctor-'));
  try {
    const copy = join(folder, 'copy.db');
    await copyFile(path, copy);
    await copyFile(`${path}-wal`, `${copy}-wal`);
    return read(copy, 'mode=rw');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function read(path: string, mode: string): InspectedDatabase {
  const database = new Database(`${pathToFileURL(path).href}?${mode}`);
  try {
    const select = (sql: string): unknown =>
      Object.values((database.prepare(sql).get() as object | undefined) ?? {})[0];
    const check = String(select('PRAGMA quick_check(1)'));
    const has = (table: string): boolean =>
      Number(select(`SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '${table}'`)) > 0;
    return {
      schema: has('schema_version') ? Number(select('SELECT version FROM schema_version') ?? 0) : 0,
      jobs: has('jobs') ? Number(select('SELECT count(*) FROM jobs')) : 0,
      damage: check === 'ok' ? undefined : check.replaceAll(/\s+/g, ' '),
    };
  } finally {
    database.close();
  }
}
