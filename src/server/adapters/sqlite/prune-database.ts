import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import { ENDED_CODES } from './job-store.js';
import type { Schema } from './schema.js';

/** What is to go. Left out: no such limit. */
export interface PruneLimits {
  /** Milliseconds since 1970: jobs that ended before, and labels that were stored before. */
  readonly beforeMs?: number | undefined;
  /** Then the oldest go, jobs before labels, until the database needs no more than this. */
  readonly keepBytes?: number | undefined;
  /** Milliseconds since 1970: what is younger stays, whatever its size. */
  readonly youngestMs?: number | undefined;
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

/** Removes something in a transaction. */
type Step = <Result>(remove: (transaction: Kysely<Schema>) => Promise<Result>) => Promise<Result>;

/** Labels that a step looks at: rows of a table, in the order in which they were stored. */
const LABELS_AT_A_TIME = 1000;

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
      pruned = await remove((step) => step(transaction), limits);
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

/**
 * The same while a server works with the database: in short steps, between which calls are answered. The file keeps its
 * size, and what is free in it is used again.
 *
 * @param signal ends it before the next step
 */
export function pruneMeanwhile(database: Kysely<Schema>, limits: PruneLimits, signal: AbortSignal): Promise<Pruned> {
  return remove(async (step) => {
    await nextTurn();
    signal.throwIfAborted();
    return database.transaction().execute(step);
  }, limits);
}

async function remove(inStep: Step, limits: PruneLimits): Promise<Pruned> {
  const { beforeMs, keepBytes = Infinity, youngestMs = Infinity, labelsOfStudies } = limits;
  const counts = { jobs: 0, events: 0, labels: 0 };
  const removeOldestJob = async (before: number): Promise<boolean> => {
    const events = await inStep((transaction) => removeJob(transaction, before));
    if (events === undefined) return false;
    counts.jobs += 1;
    counts.events += events;
    return true;
  };
  const removeLabels = async (before: number, isEnough: () => Promise<boolean>): Promise<void> => {
    for (let from: number | undefined = 0; from !== undefined && !(await isEnough()); ) {
      const first: number = from;
      const step = await inStep((transaction) => removeSomeLabels(transaction, first, before, labelsOfStudies));
      counts.labels += step.labels;
      from = step.next;
    }
  };
  const bytes = (): Promise<number> => inStep(measure);
  const bytesBefore = await bytes();
  if (beforeMs !== undefined) {
    while (await removeOldestJob(beforeMs));
    await removeLabels(beforeMs, async () => false);
  }
  while ((await bytes()) > keepBytes && (await removeOldestJob(youngestMs)));
  await removeLabels(youngestMs, async () => (await bytes()) <= keepBytes);
  return { ...counts, bytesBefore, bytesAfter: await bytes() };
}

/** Removes the job that ended first, if it did before. Returns how many events it had; `undefined` if there is none. */
async function removeJob(transaction: Kysely<Schema>, before: number): Promise<number | undefined> {
  const oldest = await transaction
    .selectFrom('jobs')
    .select('id')
    .where('state', 'in', ENDED_CODES)
    .where(sql<number>`coalesce(ended_ms, created_ms)`, '<', toBound(before))
    .orderBy(sql`coalesce(ended_ms, created_ms)`)
    .limit(1)
    .executeTakeFirst();
  if (oldest === undefined) return undefined;
  const { numDeletedRows } = await transaction
    .deleteFrom('events')
    .where('job_id', '=', oldest.id)
    .executeTakeFirstOrThrow();
  await transaction.deleteFrom('job_requests').where('job_id', '=', oldest.id).execute();
  await transaction.deleteFrom('jobs').where('id', '=', oldest.id).execute();
  return Number(numDeletedRows);
}

/** Removes those of the rows from a number on that may go. Returns how many, and where the next rows begin. */
async function removeSomeLabels(
  transaction: Kysely<Schema>,
  from: number,
  before: number,
  labelsOfStudies: PruneLimits['labelsOfStudies'],
): Promise<{ readonly labels: number; readonly next: number | undefined }> {
  const found = await sql<{
    first: number | null;
  }>`SELECT min(rowid) AS first FROM labels WHERE rowid >= ${from}`.execute(transaction);
  const first = found.rows[0]?.first ?? undefined;
  if (first === undefined) return { labels: 0, next: undefined };
  const next = first + LABELS_AT_A_TIME;
  const spared = labelsOfStudies === 'keep' ? sql`SELECT checkpoint_digest FROM studies` : sql`SELECT NULL WHERE 0`;
  const { numAffectedRows = 0n } = await sql`DELETE FROM labels WHERE rowid >= ${first} AND rowid < ${next}
    AND stored_ms < ${toBound(before)} AND checkpoint_digest NOT IN (${spared})`.execute(transaction);
  return { labels: Number(numAffectedRows), next };
}

/** SQLite has no infinity among its integers. */
function toBound(ms: number): number {
  return Math.min(ms, Number.MAX_SAFE_INTEGER);
}

/** Bytes of the pages in use. */
async function measure(database: Kysely<Schema>): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`SELECT
    ((SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count))
    * (SELECT page_size FROM pragma_page_size) AS bytes`.execute(database);
  return Number(rows[0]?.bytes ?? 0);
}
