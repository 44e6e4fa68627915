import type { Kysely } from 'kysely';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { JobState } from '../../gen/prunecast/v1/job.js';
import { Trial, type TrialRole } from '../../gen/prunecast/v1/study_types.js';
import { blobBytes } from './blobs.js';
import { readPageToken, takePage, type Page, type PageQuery } from './pages.js';
import type { Schema } from './schema.js';

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
  /** JSON values, in order; they get the next numbers. */
  readonly events?: readonly unknown[];
  readonly trials?: readonly Trial[];
  readonly plan?: unknown;
  readonly state?: JobState;
}

export interface TrialQuery extends PageQuery {
  /** Undefined for all. */
  readonly role?: TrialRole | undefined;
}

/** Studies, with their events and trials. */
export interface StudyStore {
  create(study: StudyRecord): Promise<void>;
  /** Throws STUDY_NOT_FOUND. */
  get(studyId: string): Promise<StudyRecord>;
  /** Stores one step in one transaction. A trial whose number is there already replaces it. */
  record(studyId: string, step: StudyStep): Promise<void>;
  /** All events so far, in order. */
  events(studyId: string): Promise<unknown[]>;
  /** All trials of a role (of all roles when undefined), in the order of their numbers. */
  trials(studyId: string, role?: TrialRole): Promise<Trial[]>;
  /** A page of trials in the order of their numbers. */
  listTrials(studyId: string, query: TrialQuery): Promise<Page<Trial>>;
  /** How many trials there are. */
  countTrials(studyId: string): Promise<number>;
}

export function createStudyStore(database: Kysely<Schema>): StudyStore {
  const selectTrials = (studyId: string, role: TrialRole | undefined) => {
    const rows = database.selectFrom('trials').select(['number', 'trial']).where('study_id', '=', studyId).orderBy('number');
    return role ? rows.where('role', '=', role) : rows;
  };
  return {
    create: async ({ id, jobId, model, checkpointDigest, seed, request, plan, state, createdMs }) => {
      await database.insertInto('studies').values({
        id, job_id: jobId, model, checkpoint_digest: checkpointDigest, seed, request, plan: JSON.stringify(plan ?? null), state, created_ms: createdMs,
      }).execute();
    },
    get: async (studyId) => {
      const row = await database.selectFrom('studies').selectAll().where('id', '=', studyId).executeTakeFirst();
      if (!row) throw new PrunecastError('STUDY_NOT_FOUND', `no study has the id "${studyId}"`, { metadata: { study_id: studyId } });
      return {
        id: row.id,
        jobId: row.job_id,
        model: row.model,
        checkpointDigest: row.checkpoint_digest,
        seed: row.seed,
        request: blobBytes(row.request),
        plan: JSON.parse(row.plan) as unknown,
        state: row.state as JobState,
        createdMs: row.created_ms,
      };
    },
    record: (studyId, { events = [], trials = [], plan, state }) => database.transaction().execute(async (transaction) => {
      if (events.length > 0) {
        const { last } = await transaction.selectFrom('study_events').where('study_id', '=', studyId)
          .select(({ fn }) => fn.max('number').as('last')).executeTakeFirstOrThrow();
        for (const [index, event] of events.entries()) {
          await transaction.insertInto('study_events').values({ study_id: studyId, number: Number(last ?? 0) + 1 + index, event: JSON.stringify(event) }).execute();
        }
      }
      for (const trial of trials) {
        const encoded = Trial.encode(trial).finish();
        await transaction.insertInto('trials').values({ study_id: studyId, number: trial.number, role: trial.role, trial: encoded })
          .onConflict((conflict) => conflict.columns(['study_id', 'number']).doUpdateSet({ role: trial.role, trial: encoded })).execute();
      }
      if (plan !== undefined) await transaction.updateTable('studies').set({ plan: JSON.stringify(plan) }).where('id', '=', studyId).execute();
      if (state !== undefined) await transaction.updateTable('studies').set({ state }).where('id', '=', studyId).execute();
    }),
    events: async (studyId) => {
      const rows = await database.selectFrom('study_events').select('event').where('study_id', '=', studyId).orderBy('number').execute();
      return rows.map(({ event }) => JSON.parse(event) as unknown);
    },
    trials: async (studyId, role) => {
      const rows = await selectTrials(studyId, role).execute();
      return rows.map(({ trial }) => Trial.decode(blobBytes(trial)));
    },
    listTrials: async (studyId, { role, pageSize, pageToken }) => {
      const after = readPageToken(pageToken);
      let rows = selectTrials(studyId, role).limit(pageSize + 1);
      if (after !== undefined) rows = rows.where('number', '>', after);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        bytes: ({ trial }) => trial.byteLength,
        value: ({ trial }) => Trial.decode(blobBytes(trial)),
      });
    },
    countTrials: async (studyId) => {
      const { count } = await database.selectFrom('trials').where('study_id', '=', studyId)
        .select(({ fn }) => fn.countAll().as('count')).executeTakeFirstOrThrow();
      return Number(count);
    },
  };
}
