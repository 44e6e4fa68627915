import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { Reason } from '../../../core/errors/reasons.js';

/**
 * A database whose errors name their cause: a full disk (STORAGE_FULL), files that cannot be read or written
 * (STATE_UNAVAILABLE), contents that are no longer a database (STATE_DAMAGED). Other errors stay as they are.
 *
 * SQLite ends a transaction by itself when the disk is full. The rollback that follows finds no transaction, and its
 * error must not hide the cause.
 */
export function guardDatabase(database: SqliteDatabase): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare: (sql) =>
      guardStatement(
        sql,
        attempt(() => database.prepare(sql)),
      ),
  };
}

function guardStatement(sql: string, statement: SqliteStatement): SqliteStatement {
  const isRollback = sql === 'rollback';
  return {
    reader: statement.reader,
    all: (parameters) => attempt(() => statement.all(parameters)),
    iterate: (parameters) => attempt(() => statement.iterate(parameters)),
    run: (parameters) => {
      try {
        return attempt(() => statement.run(parameters));
      } catch (error) {
        if (isRollback && error instanceof Error && error.message.includes('no transaction is active'))
          return { changes: 0, lastInsertRowid: 0 };
        throw error;
      }
    },
  };
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
    message:
      'the database of the state folder (prunecast.db) is damaged: restore it from a backup, or start with another state folder',
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
