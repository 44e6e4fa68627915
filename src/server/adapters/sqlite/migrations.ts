import { sql, type Kysely, type Transaction } from 'kysely';
import { rewriteMessages } from './rewrite-messages.js';
import type { Schema } from './schema.js';
import { widenLabels } from './widen-labels.js';

/**
 * The steps from an empty file to the newest schema. A released step never changes: what it lacks comes in a new one.
 */
const MIGRATIONS: readonly ((transaction: Transaction<Schema>) => Promise<void>)[] = [
  createFirstTables,
  createFitEvidence,
  createJobRequests,
  addWindowHits,
  createLeases,
  countFruitlessStarts,
  addEventTimes,
  addPlans,
  rewriteMessages,
  addPhases,
  widenLabels,
  addJobLabels,
  addJobCallers,
  addLabelTimes,
  addJobOrigins,
];

/** The newest schema. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings a database to the newest schema, each step in a transaction. Throws if it comes from a newer server. */
export async function migrate(database: Kysely<Schema>): Promise<void> {
  await sql`CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)`.execute(database);
  const stored = (await database.selectFrom('schema_version').select('version').executeTakeFirst())?.version ?? 0;
  if (stored > MIGRATIONS.length) {
    throw new Error(
      `the state folder was written by a newer server (schema ${stored}; this one knows ${MIGRATIONS.length}): use that version, or another state folder`,
    );
  }
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < stored) continue;
    await database.transaction().execute(async (transaction) => {
      await step(transaction);
      await transaction.deleteFrom('schema_version').execute();
      await transaction
        .insertInto('schema_version')
        .values({ version: index + 1 })
        .execute();
    });
  }
}

async function createFirstTables(transaction: Transaction<Schema>): Promise<void> {
  const statements = [
    sql`CREATE TABLE jobs (
      number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, state INTEGER NOT NULL,
      request_id TEXT UNIQUE, request_digest TEXT NOT NULL, study_id TEXT NOT NULL,
      created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER,
      last_sequence INTEGER NOT NULL, queue_place INTEGER NOT NULL, progress BLOB, error BLOB) STRICT`,
    sql`CREATE TABLE events (
      job_id TEXT NOT NULL, sequence INTEGER NOT NULL, event BLOB NOT NULL,
      PRIMARY KEY (job_id, sequence)) STRICT, WITHOUT ROWID`,
    sql`CREATE TABLE labels (
      checkpoint_digest TEXT NOT NULL, measurement_fingerprint TEXT NOT NULL, fidelity_digest TEXT NOT NULL,
      recipe_digest TEXT NOT NULL, architecture_key TEXT NOT NULL,
      metrics TEXT NOT NULL, window_losses BLOB NOT NULL, window_tokens BLOB NOT NULL, tokens_spent INTEGER NOT NULL,
      PRIMARY KEY (checkpoint_digest, measurement_fingerprint, fidelity_digest, recipe_digest, architecture_key)) STRICT`,
    sql`CREATE TABLE studies (
      number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job_id TEXT NOT NULL, model TEXT NOT NULL,
      checkpoint_digest TEXT NOT NULL, seed INTEGER NOT NULL, request BLOB NOT NULL, plan TEXT NOT NULL,
      state INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT`,
    sql`CREATE TABLE study_events (
      study_id TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL,
      PRIMARY KEY (study_id, number)) STRICT, WITHOUT ROWID`,
    sql`CREATE TABLE trials (
      study_id TEXT NOT NULL, number INTEGER NOT NULL, role INTEGER NOT NULL, trial BLOB NOT NULL,
      PRIMARY KEY (study_id, number)) STRICT, WITHOUT ROWID`,
    sql`CREATE TABLE predictors (
      number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, study_id TEXT NOT NULL, backend TEXT NOT NULL,
      created_ms INTEGER NOT NULL, predictor BLOB NOT NULL, model BLOB NOT NULL) STRICT`,
    sql`CREATE INDEX predictors_by_study ON predictors (study_id)`,
    sql`CREATE TABLE pair_sets (
      study_id TEXT NOT NULL, number INTEGER NOT NULL, pair_set BLOB NOT NULL,
      PRIMARY KEY (study_id, number)) STRICT`,
  ];
  for (const statement of statements) await statement.execute(transaction);
}

/** What explains a predictor. Predictors of earlier versions have none. */
async function createFitEvidence(transaction: Transaction<Schema>): Promise<void> {
  await sql`CREATE TABLE fit_evidence (
    predictor_id TEXT PRIMARY KEY, rates BLOB NOT NULL, targets BLOB NOT NULL, importances BLOB NOT NULL,
    residuals BLOB NOT NULL) STRICT, WITHOUT ROWID`.execute(transaction);
}

/**
 * What a job is run again from, and how long each step of a study took. Jobs of earlier versions have no request and
 * cannot resume.
 */
async function createJobRequests(transaction: Transaction<Schema>): Promise<void> {
  await sql`CREATE TABLE job_requests (job_id TEXT PRIMARY KEY, request BLOB NOT NULL) STRICT, WITHOUT ROWID`.execute(
    transaction,
  );
  await sql`ALTER TABLE study_events ADD COLUMN seconds REAL NOT NULL DEFAULT 0`.execute(transaction);
}

/** How many tokens of each window were the most likely. Labels of earlier versions have no such counts. */
async function addWindowHits(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE labels ADD COLUMN window_hits BLOB`.execute(transaction);
}

/** Who may write what a job does. Jobs of earlier versions have no owner: the first server takes them. */
async function createLeases(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE jobs ADD COLUMN lease_owner TEXT NOT NULL DEFAULT ''`.execute(transaction);
  await sql`ALTER TABLE jobs ADD COLUMN lease_token INTEGER NOT NULL DEFAULT 0`.execute(transaction);
  await sql`ALTER TABLE jobs ADD COLUMN lease_until_ms INTEGER NOT NULL DEFAULT 0`.execute(transaction);
}

/** How often a job was started without getting on. Jobs of earlier versions begin with none. */
async function countFruitlessStarts(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE jobs ADD COLUMN fruitless_starts INTEGER NOT NULL DEFAULT 0`.execute(transaction);
}

/** When an event was stored. Events of earlier versions hold their time themselves. */
async function addEventTimes(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE events ADD COLUMN time_ms INTEGER`.execute(transaction);
}

/**
 * What a request resolved to, apart from where the study stands and from its report. Jobs and studies of earlier
 * versions have no such plan; what they kept in its place is their progress.
 */
async function addPlans(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE job_requests ADD COLUMN plan TEXT`.execute(transaction);
  await sql`ALTER TABLE studies ADD COLUMN progress TEXT NOT NULL DEFAULT 'null'`.execute(transaction);
  await sql`ALTER TABLE studies ADD COLUMN report TEXT`.execute(transaction);
  await sql`UPDATE studies SET progress = plan, plan = 'null'`.execute(transaction);
  // One that is damaged stays so, and is reported when it is read.
  await sql`UPDATE studies SET report = json_extract(progress, '$.report'), progress = json_remove(progress, '$.report')
    WHERE json_valid(progress) AND json_type(progress) = 'object'`.execute(transaction);
}

/** The phases of a job and how far each is. Jobs of earlier versions have none. */
async function addPhases(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE jobs ADD COLUMN phases BLOB`.execute(transaction);
}

/** What a caller has named a job with. Jobs of earlier versions have no labels. */
async function addJobLabels(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE jobs ADD COLUMN labels TEXT NOT NULL DEFAULT '{}'`.execute(transaction);
}

/** Who asked for a job. Callers of earlier versions had no names. */
async function addJobCallers(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE jobs ADD COLUMN caller TEXT NOT NULL DEFAULT 'anonymous'`.execute(transaction);
}

/** When a label was stored. Those of earlier versions count as stored now, so that none of them is too old at once. */
async function addLabelTimes(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE labels ADD COLUMN stored_ms INTEGER NOT NULL DEFAULT 0`.execute(transaction);
  await sql`UPDATE labels SET stored_ms = unixepoch() * 1000`.execute(transaction);
}

/** The call that started a job. It is not known of jobs of earlier versions. */
async function addJobOrigins(transaction: Transaction<Schema>): Promise<void> {
  await sql`ALTER TABLE jobs ADD COLUMN origin TEXT`.execute(transaction);
}
