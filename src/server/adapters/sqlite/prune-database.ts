import { sql, type Kysely, type Transaction } from 'kysely';
import { ENDED_CODES } from './job-store.js';
import type { Schema } from './schema.js';

/** What is to go. Left out: no such limit. */
export interface PruneLimits {
  /** Milliseconds since 1970: jobs that ended before, and labels that were stored before. */
  readonly beforeMs?: number | undefined;
  /** Then the oldest go, jobs before labels, until the database needs no more than this. */
  readonly keepBytes?: number | undefined;
  /** Labels of checkpoints that a study is about, which may be asked of it again, are kept or pruned like others. */
  readonly labelsOfStudies: 'keep' | 'prune';
}

export interface Pruned {
  readonly jobs: number;
  readonly events: number;
  readonly labels: number;
  /** What the database needs, before and afterwards. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Removed between two looks at the size. */
const JOBS_AT_A_TIME = 20;
const LABELS_AT_A_TIME = 200;

/**
 * Removes ended jobs with their events and requests, and labels, all in one transaction; then gives the space back to
 * the file system. Studies, predictors and sets of pairs stay, and so do jobs that have not ended.
 *
 * @param mode `dry`: nothing is removed, and the counts are what would be
 */
export async function pruneDatabase(
  database: Kysely<Schema>,
  limits: PruneLimits,
  mode: 'dry' | 'remove',
): Promise<Pruned> {
  const nothing = new Error('a dry run is taken back');
  let pruned: Pruned | undefined;
  await database
    .transaction()
    .execute(async (transaction) => {
      pruned = await remove(transaction, limits);
      if (mode === 'dry') throw nothing;
    })
    .catch((error: unknown) => {
      if (error !== nothing) throw error;
    });
  if (pruned === undefined) throw new Error('the transaction has not run');
  if (mode === 'remove' && pruned.jobs + pruned.labels > 0) {
    await sql`VACUUM`.execute(database);
    await sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(database);
  }
  return pruned;
}

async function remove(transaction: Transaction<Schema>, limits: PruneLimits): Promise<Pruned> {
  const { beforeMs, keepBytes = Infinity, labelsOfStudies } = limits;
  const counts = { jobs: 0, events: 0, labels: 0 };
  const removeJobs = async (limit: number, before = Infinity): Promise<number> => {
    const rows = await transaction
      .selectFrom('jobs')
      .select('id')
      .where('state', 'in', ENDED_CODES)
      .where(sql<number>`coalesce(ended_ms, created_ms)`, '<', toBound(before))
      .orderBy(sql`coalesce(ended_ms, created_ms)`)
      .limit(limit)
      .execute();
    for (const { id } of rows) {
      const { numDeletedRows } = await transaction
        .deleteFrom('events')
        .where('job_id', '=', id)
        .executeTakeFirstOrThrow();
      counts.events += Number(numDeletedRows);
      await transaction.deleteFrom('job_requests').where('job_id', '=', id).execute();
      await transaction.deleteFrom('jobs').where('id', '=', id).execute();
    }
    counts.jobs += rows.length;
    return rows.length;
  };
  const removeLabels = async (limit: number, before = Infinity): Promise<number> => {
    const spared = labelsOfStudies === 'keep' ? sql`SELECT checkpoint_digest FROM studies` : sql`SELECT NULL WHERE 0`;
    const { numAffectedRows = 0n } = await sql`DELETE FROM labels WHERE rowid IN (
      SELECT rowid FROM labels WHERE stored_ms < ${toBound(before)} AND checkpoint_digest NOT IN (${spared})
      ORDER BY stored_ms, rowid LIMIT ${limit})`.execute(transaction);
    counts.labels += Number(numAffectedRows);
    return Number(numAffectedRows);
  };
  const bytesBefore = await measure(transaction);
  if (beforeMs !== undefined) {
    while ((await removeJobs(JOBS_AT_A_TIME, beforeMs)) > 0);
    while ((await removeLabels(LABELS_AT_A_TIME, beforeMs)) > 0);
  }
  while ((await measure(transaction)) > keepBytes && (await removeJobs(JOBS_AT_A_TIME)) > 0);
  while ((await measure(transaction)) > keepBytes && (await removeLabels(LABELS_AT_A_TIME)) > 0);
  return { ...counts, bytesBefore, bytesAfter: await measure(transaction) };
}

/** SQLite has no infinity among its integers. */
function toBound(ms: number): number {
  return Math.min(ms, Number.MAX_SAFE_INTEGER);
}

/** Bytes of the pages in use. */
async function measure(transaction: Transaction<Schema>): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`SELECT
    ((SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count))
    * (SELECT page_size FROM pragma_page_size) AS bytes`.execute(transaction);
  return Number(rows[0]?.bytes ?? 0);
}
