import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { Reason } from '../../../core/errors/reasons.js';

/** A database that can be kept from writing. */
export interface StoppableDatabase extends SqliteDatabase {
  exec(sql: string): unknown;
}

/** Does something with a database; an error of SQLite that is not the server's own fault is thrown with its reason. */
type Attempt = <Result>(work: () => Result) => Result;

/**
 * A database whose errors name their cause: a full disk (STORAGE_FULL), files that cannot be read or written
 * (STATE_UNAVAILABLE), contents that are no longer a database (STATE_DAMAGED). Other errors stay as they are.
 *
 * Once damage was met nothing more is written: what is still whole can be copied.
 *
 * SQLite ends a transaction by itself when the disk is full. The rollback that follows finds no transaction, and its
 * error must not hide the cause.
 */
export function guardDatabase(database: StoppableDatabase): SqliteDatabase {
  let damage: PrunecastError | undefined;
  const guarded: Attempt = (work) => {
    try {
      return attempt(work);
    } catch (error) {
      if (!(error instanceof PrunecastError)) throw error;
      if (damage !== undefined && error.reason === 'STATE_UNAVAILABLE') throw damage;
      if (damage === undefined && error.reason === 'STATE_DAMAGED') {
        damage = error;
        database.exec('PRAGMA query_only = ON');
      }
      throw error;
    }
  };
  return {
    close: () => database.close(),
    prepare: (sql) =>
      guardStatement(
        sql,
        guarded(() => database.prepare(sql)),
        guarded,
      ),
  };
}

function guardStatement(sql: string, statement: SqliteStatement, guarded: Attempt): SqliteStatement {
  const isRollback = sql === 'rollback';
  return {
    reader: statement.reader,
    all: (parameters) => guarded(() => statement.all(parameters)),
    iterate: (parameters) => guarded(() => statement.iterate(parameters)),
    run: (parameters) => {
      try {
        return guarded(() => statement.run(parameters));
      } catch (error) {
        if (isRollback && error instanceof Error && error.message.includes('no transaction is active'))
          return { changes: 0, lastInsertRowid: 0 };
        throw error;
      }
    },
  };
}

const DAMAGED =
  'the database of the state folder (prunecast.db) is damaged, and nothing more is written to it: restore the folder from a backup (`prunecast state backup` makes one), or start with another state folder';

/** Contents that are no longer a database. */
export function describeDamage(metadata: Readonly<Record<string, string>>): PrunecastError {
  return new PrunecastError('STATE_DAMAGED', DAMAGED, { metadata });
}

/** What to do about the errors of SQLite that are not the server's own fault, by the start of their code. */
const FAULTS: readonly { readonly codes: RegExp; readonly reason: Reason; readonly message: string }[] = [
  {
    codes: /^SQLITE_FULL/,
    reason: 'STORAGE_FULL',
    message: 'the disk with the state folder is full: free some space, and try again',
  },
  {
    codes: /^SQLITE_(CORRUPT|NOTADB)/,
    reason: 'STATE_DAMAGED',
    message: DAMAGED,
  },
  {
    codes: /^SQLITE_(READONLY|CANTOPEN|IOERR|PERM|AUTH|BUSY|LOCKED)/,
    reason: 'STATE_UNAVAILABLE',
    message:
      'the database of the state folder (prunecast.db) cannot be read or written: check that it exists, is writable and is not locked by another process',
  },
];

/** Does something with a database. An error of SQLite that is not the server's own fault is thrown with its reason. */
export function attempt<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const fault = FAULTS.find(({ codes }) => codes.test(code));
    if (fault === undefined) throw error;
    throw new PrunecastError(fault.reason, fault.message, { metadata: { code }, cause: error });
  }
}
