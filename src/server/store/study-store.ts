import type { Kysely, Transaction } from 'kysely';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { JobState } from '../../gen/prunecast/v1/job.js';
import { Trial, type TrialRole } from '../../gen/prunecast/v1/study_types.js';
import { blobBytes, type Blob } from './blobs.js';
import { fromEventJson, toEventJson } from './event-json.js';
import { readPageToken, takePage, type Page, type PageQuery } from './pages.js';
import { readStored } from './read-stored.js';
import type { Schema } from './schema.js';
import type { StoreWrite } from './store-write.js';

/** A study as it is stored; `plan` is whatever JSON the search keeps there. */
export interface StudyRecord {
  readonly id: string;
  readonly jobId: string;
  readonly model: string;
  readonly checkpointDigest: string;
  /** A safe integer. */
  readonly seed: number;
  /** The encoded SearchRequest; empty for a study of imported pairs. */
  readonly request: Uint8Array;
  readonly plan: unknown;
  readonly state: JobState;
  readonly createdMs: number;
}

/** What one step of a study leaves behind; stored whole or not at all. */
export interface StudyStep {
  /** Plain values, in order; they get the next numbers. */
  readonly events?: readonly unknown[];
  /** How long the step took; kept with the first of its events. */
  readonly seconds?: number;
  readonly trials?: readonly Trial[];
  readonly plan?: unknown;
  readonly state?: JobState;
}

/** An event of a study, and how long the step took that ended with it. */
export interface StudyEventRecord {
  readonly event: unknown;
  readonly seconds: number;
}

export interface TrialQuery extends PageQuery {
  /** Undefined for all. */
  readonly role?: TrialRole | undefined;
}

/** Studies, with their events and trials. */
export interface StudyStore {
  create(study: StudyRecord): Promise<void>;
  /** The same as part of a larger transaction. */
  creating(study: StudyRecord): StoreWrite;
  /** undefined where there is none. */
  find(studyId: string): Promise<StudyRecord | undefined>;
  /** Throws STUDY_NOT_FOUND. */
  get(studyId: string): Promise<StudyRecord>;
  /** Stores one step in one transaction. A trial whose number is there already replaces it. */
  record(studyId: string, step: StudyStep): Promise<void>;
  /** The same as part of a larger transaction. */
  recording(studyId: string, step: StudyStep): StoreWrite;
  /** All events so far, in order. */
  events(studyId: string): Promise<StudyEventRecord[]>;
  /** All trials of a role (of all roles when undefined), in the order of their numbers. */
  trials(studyId: string, role?: TrialRole): Promise<Trial[]>;
  /** A page of trials in the order of their numbers. */
  listTrials(studyId: string, query: TrialQuery): Promise<Page<Trial>>;
  /** How many trials there are. */
  countTrials(studyId: string): Promise<number>;
}

export function createStudyStore(database: Kysely<Schema>): StudyStore {
  const selectTrials = (studyId: string, role: TrialRole | undefined) => {
    const rows = database
      .selectFrom('trials')
      .select(['number', 'trial'])
      .where('study_id', '=', studyId)
      .orderBy('number');
    return role ? rows.where('role', '=', role) : rows;
  };
  return {
    create: (study) => insertStudy(database, study),
    creating: (study) => (transaction) => insertStudy(transaction, study),
    find: (studyId) => selectStudy(database, studyId),
    get: async (studyId) => {
      const study = await selectStudy(database, studyId);
      if (!study)
        throw new PrunecastError('STUDY_NOT_FOUND', `no study has the id "${studyId}"`, {
          metadata: { study_id: studyId },
        });
      return study;
    },
    record: (studyId, step) => database.transaction().execute((transaction) => recordStep(transaction, studyId, step)),
    recording: (studyId, step) => (transaction) => recordStep(transaction, studyId, step),
    events: async (studyId) => {
      const rows = await database
        .selectFrom('study_events')
        .select(['event', 'seconds'])
        .where('study_id', '=', studyId)
        .orderBy('number')
        .execute();
      return rows.map(({ event, seconds }) => ({
        event: readStored(`an event of ${studyId}`, () => fromEventJson(event)),
        seconds,
      }));
    },
    trials: async (studyId, role) => {
      const rows = await selectTrials(studyId, role).execute();
      return rows.map(({ trial }) => readTrial(studyId, trial));
    },
    listTrials: async (studyId, { role, pageSize, pageToken }) => {
      const after = readPageToken(pageToken);
      let rows = selectTrials(studyId, role).limit(pageSize + 1);
      if (after !== undefined) rows = rows.where('number', '>', after);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        bytes: ({ trial }) => trial.byteLength,
        value: ({ trial }) => readTrial(studyId, trial),
      });
    },
    countTrials: async (studyId) => {
      const { count } = await database
        .selectFrom('trials')
        .where('study_id', '=', studyId)
        .select(({ fn }) => fn.countAll().as('count'))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
  };
}

async function insertStudy(
  database: Kysely<Schema>,
  { id, jobId, model, checkpointDigest, seed, request, plan, state, createdMs }: StudyRecord,
): Promise<void> {
  await database
    .insertInto('studies')
    .values({
      id,
      job_id: jobId,
      model,
      checkpoint_digest: checkpointDigest,
      seed,
      request,
      plan: JSON.stringify(plan ?? null),
      state,
      created_ms: createdMs,
    })
    .execute();
}

async function selectStudy(database: Kysely<Schema>, studyId: string): Promise<StudyRecord | undefined> {
  const row = await database.selectFrom('studies').selectAll().where('id', '=', studyId).executeTakeFirst();
  return (
    row && {
      id: row.id,
      jobId: row.job_id,
      model: row.model,
      checkpointDigest: row.checkpoint_digest,
      seed: row.seed,
      request: blobBytes(row.request),
      plan: readStored(`the plan of ${row.id}`, () => JSON.parse(row.plan) as unknown),
      state: row.state as JobState,
      createdMs: row.created_ms,
    }
  );
}

async function recordStep(
  transaction: Transaction<Schema>,
  studyId: string,
  { events = [], seconds = 0, trials = [], plan, state }: StudyStep,
): Promise<void> {
  if (events.length > 0) {
    const { last } = await transaction
      .selectFrom('study_events')
      .where('study_id', '=', studyId)
      .select(({ fn }) => fn.max('number').as('last'))
      .executeTakeFirstOrThrow();
    for (const [index, event] of events.entries()) {
      await transaction
        .insertInto('study_events')
        .values({
          study_id: studyId,
          number: Number(last ?? 0) + 1 + index,
          event: toEventJson(event),
          seconds: index === 0 ? seconds : 0,
        })
        .execute();
    }
  }
  for (const trial of trials) {
    const encoded = Trial.encode(trial).finish();
    await transaction
      .insertInto('trials')
      .values({ study_id: studyId, number: trial.number, role: trial.role, trial: encoded })
      .onConflict((conflict) =>
        conflict.columns(['study_id', 'number']).doUpdateSet({ role: trial.role, trial: encoded }),
      )
      .execute();
  }
  if (plan !== undefined)
    await transaction
      .updateTable('studies')
      .set({ plan: JSON.stringify(plan) })
      .where('id', '=', studyId)
      .execute();
  if (state !== undefined) await transaction.updateTable('studies').set({ state }).where('id', '=', studyId).execute();
}

function readTrial(studyId: string, trial: Blob): Trial {
  return readStored(`a trial of ${studyId}`, () => Trial.decode(blobBytes(trial)));
}
