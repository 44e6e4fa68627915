import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { Reason } from '../../../core/errors/reasons.js';

/** A connection of libsql. */
export interface Connection extends SqliteDatabase {
  readonly inTransaction: boolean;
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
 *
 * Whatever writes takes the lock first, by itself: libsql leaves a statement under way that another process's lock has
 * stopped, and no transaction can be committed beside it.
 */
export function guardDatabase(database: Connection): SqliteDatabase {
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
    prepare: (sql) => {
      if (sql === 'begin') return { ...NO_ROWS, run: () => guarded(() => begin(database)) };
      const prepared = guarded(() => database.prepare(sql));
      return guardStatement(sql, WRITES.test(sql) ? lockFirst(prepared, database) : prepared, guarded);
    },
  };
}

const WRITES = /^\s*(?:insert|update|delete|replace|with)\b/i;

const NOTHING = { changes: 0, lastInsertRowid: 0 } as const;

/** A statement without rows. */
const NO_ROWS = {
  reader: false,
  all: () => [],
  iterate: () => [].values(),
  run: () => NOTHING,
} as const satisfies SqliteStatement;

function begin(database: Connection): typeof NOTHING {
  database.exec('BEGIN IMMEDIATE');
  return NOTHING;
}

/** The same statement, in a transaction of its own where there is none. */
function lockFirst(statement: SqliteStatement, database: Connection): SqliteStatement {
  const alone = <Result>(work: () => Result): Result => {
    if (database.inTransaction) return work();
    begin(database);
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      if (database.inTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };
  return {
    reader: statement.reader,
    all: (parameters) => alone(() => statement.all(parameters)),
    iterate: (parameters) => statement.iterate(parameters),
    run: (parameters) => alone(() => statement.run(parameters)),
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
        if (isRollback && error instanceof Error && error.message.includes('no transaction is active')) return NOTHING;
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

const FULL = 'the disk with the state folder is full: free some space';

/** A disk with no more room than what is kept for the states of jobs. */
export function describeFull(): PrunecastError {
  return new PrunecastError('STORAGE_FULL', FULL, { metadata: { folder: 'stateDirectory' } });
}

/** What to do about the errors of SQLite that are not the server's own fault, by the start of their code. */
const FAULTS: readonly {
  readonly codes: RegExp;
  readonly reason: Reason;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
}[] = [
  {
    // The second one: the file that SQLite shares with other processes finds no room.
    codes: /^SQLITE_(FULL|IOERR_SHMSIZE)/,
    reason: 'STORAGE_FULL',
    message: FULL,
    metadata: { folder: 'stateDirectory' },
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
    throw new PrunecastError(fault.reason, fault.message, { metadata: { code, ...fault.metadata }, cause: error });
  }
}
