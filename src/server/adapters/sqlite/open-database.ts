import { join } from 'node:path';
import { Kysely, sql, SqliteDialect } from 'kysely';
import Database from 'libsql';
import { StateInUse } from '../../../state-folder/state-in-use.js';
import { admitDatabase } from './admit-database.js';
import { attempt, describeFull, guardDatabase, type Connection } from './guarded-database.js';
import { migrate } from './migrations.js';
import { keepStatePrivate, STATE_DATABASES } from '../files/private-state.js';
import type { Schema } from './schema.js';

export interface OpenDatabase {
  readonly database: Kysely<Schema>;
  /** The parts of the state folder that other users may read; empty if all is private. */
  readonly readable: readonly string[];
  /** Closes it; nothing may use it afterwards. */
  close(): Promise<void>;
}

/**
 * Opens `prunecast.db` in the state folder: creates it if needed, keeps it private and brings it to the newest schema.
 * What is damaged, of a later version or of another program is refused before anything is written to it.
 *
 * One server at a time may use a state folder: StateInUse is thrown otherwise. If the file system does not keep the
 * lock, the leases of jobs keep two servers apart.
 *
 * libsql is synchronous: a query holds the event loop, so keep transactions small. With WAL and synchronous=NORMAL a
 * commit does not sync the disk (0.05 ms instead of 1.9). A crash of the machine, but not of the server, can lose the
 * last commits.
 *
 * @param lockWaitMs how long a query may hold the event loop while another process has the database locked
 */
export async function openDatabase(
  stateDirectory: string,
  { lockWaitMs = OPEN_WAIT_MS }: { readonly lockWaitMs?: number } = {},
): Promise<OpenDatabase> {
  const readable = await keepStatePrivate(stateDirectory);
  const lock = takeLock(stateDirectory);
  try {
    const path = join(stateDirectory, STATE_DATABASES.store);
    await admitDatabase(path);
    const connection = new Database(path);
    attempt(() => connection.exec('PRAGMA journal_mode = WAL'));
    attempt(() => connection.exec('PRAGMA synchronous = NORMAL'));
    attempt(() => connection.exec(`PRAGMA busy_timeout = ${OPEN_WAIT_MS}`));
    const database = new Kysely<Schema>({
      dialect: new SqliteDialect({ database: guardDatabase(connection as Connection) }),
    });
    await migrate(database);
    await sql`PRAGMA busy_timeout = ${sql.lit(lockWaitMs)}`.execute(database);
    return {
      database,
      readable,
      close: async () => {
        await database.destroy();
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

const OPEN_WAIT_MS = 5000;

/** An open transaction on a separate file: the operating system ends it with the process, however that ends. */
function takeLock(stateDirectory: string): Database.Database {
  const lock = new Database(join(stateDirectory, STATE_DATABASES.lock));
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code.startsWith('SQLITE_FULL')) throw describeFull();
    if (!code.startsWith('SQLITE_BUSY'))
      throw new Error(
        `the state folder ${stateDirectory} cannot be locked (${code}): check that its ${STATE_DATABASES.lock} can be written; delete that file if it is damaged and no server runs`,
        { cause: error },
      );
    throw new StateInUse(
      stateDirectory,
      `another server uses the state folder ${stateDirectory}: stop it, or name another with --state-dir or PRUNECAST_STATE_DIRECTORY`,
      { cause: error },
    );
  }
}
