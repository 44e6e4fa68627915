import { readIdentity, readOne } from './admit-database.js';
import { readUnchanged } from './inspect-database.js';

/** All that can be said of a database without what its rows mean. */
export interface ExaminedDatabase {
  /** 0: nothing was stored yet. */
  readonly schema: number;
  /** What SQLite says of pages, indexes and references; empty if all is well. */
  readonly damage: readonly string[];
  /** Rows whose job, study or predictor is not there, by table; those with none are left out. */
  readonly orphans: Readonly<Record<string, number>>;
  /** Bytes of each table with its indexes, the largest first. */
  readonly tables: readonly { readonly name: string; readonly bytes: number; readonly rows: number }[];
  /** Bytes within the file that nothing uses: `prune` gives them back. */
  readonly freeBytes: number;
}

/** The most findings of one kind that are told. */
const MOST_FINDINGS = 10;

const ORPHANS: readonly { readonly table: string; readonly column: string; readonly of: string }[] = [
  { table: 'events', column: 'job_id', of: 'jobs' },
  { table: 'job_requests', column: 'job_id', of: 'jobs' },
  { table: 'study_events', column: 'study_id', of: 'studies' },
  { table: 'trials', column: 'study_id', of: 'studies' },
  { table: 'fit_evidence', column: 'predictor_id', of: 'predictors' },
];

/**
 * Reads all of a database, and changes nothing, not even the files beside it. Of one with damaged pages only these are
 * told.
 *
 * @param isOpen whether a server has it open
 * @throws Error of SQLite, or of the file system
 */
export function examineDatabase(path: string, isOpen: boolean): Promise<ExaminedDatabase> {
  return readUnchanged(path, isOpen, (database) => {
    const list = (sql: string): readonly (readonly unknown[])[] =>
      database.prepare(sql).raw().all() as readonly (readonly unknown[])[];
    const damage = [
      ...list(`PRAGMA integrity_check(${MOST_FINDINGS})`).map(([finding]) => String(finding)),
      ...list('PRAGMA foreign_key_check').map(
        ([table, row]) => `row ${String(row)} of ${String(table)} refers to none`,
      ),
    ].filter((finding) => finding !== 'ok');
    const { schema } = readIdentity(database);
    if (damage.length > 0) return { schema, damage, orphans: {}, tables: [], freeBytes: 0 };
    const names = list("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").map(
      ([name]) => String(name),
    );
    const orphans = ORPHANS.filter(({ table, of }) => names.includes(table) && names.includes(of)).flatMap(
      ({ table, column, of }) => {
        const rows = Number(
          readOne(database, `SELECT count(*) FROM ${table} WHERE ${column} NOT IN (SELECT id FROM ${of})`),
        );
        return rows === 0 ? [] : [[table, rows] as const];
      },
    );
    const bytes = new Map(
      list(
        `SELECT coalesce(m.tbl_name, s.name), sum(s.pgsize) FROM dbstat s LEFT JOIN sqlite_master m ON m.name = s.name GROUP BY 1`,
      ).map(([name, size]) => [String(name), Number(size)]),
    );
    const tables = names
      .map((name) => ({
        name,
        bytes: bytes.get(name) ?? 0,
        rows: Number(readOne(database, `SELECT count(*) FROM ${name}`)),
      }))
      .toSorted((a, b) => b.bytes - a.bytes);
    const freeBytes =
      Number(readOne(database, 'PRAGMA freelist_count')) * Number(readOne(database, 'PRAGMA page_size'));
    return { schema, damage, orphans: Object.fromEntries(orphans), tables, freeBytes };
  });
}
