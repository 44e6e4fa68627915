import type { Kysely, Selectable } from 'kysely';
import { readStored } from '../../../core/errors/read-stored.js';
import type {
  NewStudyRecord,
  StudyEntry,
  StudyRecord,
  StudyStepRecord,
  StudyStore,
  TrialRecord,
} from '../../../core/ports/study-store.js';
import { readPageToken, takePage } from '../pages.js';
import { blobBytes, fromJson, toJson, type Blob } from './columns.js';
import type { Schema } from './schema.js';
import { STATE_CODES, stateOf } from './job-store.js';

export function createStudyStore(database: Kysely<Schema>): StudyStore {
  const selectTrials = (studyId: string, role: number | undefined) => {
    const rows = database
      .selectFrom('trials')
      .select(['number', 'role', 'trial'])
      .where('study_id', '=', studyId)
      .orderBy('number');
    return role !== undefined ? rows.where('role', '=', role) : rows;
  };
  return {
    find: (studyId) => selectStudy(database, studyId),
    events: async (studyId) => {
      const rows = await database
        .selectFrom('study_events')
        .select(['event', 'seconds'])
        .where('study_id', '=', studyId)
        .orderBy('number')
        .execute();
      return rows.map(({ event, seconds }) => ({
        event: readStored(`an event of ${studyId}`, () => fromJson(event)),
        seconds,
      }));
    },
    trials: async (studyId, role) => {
      const rows = await selectTrials(studyId, role).execute();
      return rows.map(toTrial);
    },
    listTrials: async (studyId, { role, pageSize, pageToken }) => {
      const after = readPageToken(pageToken);
      let rows = selectTrials(studyId, role).limit(pageSize + 1);
      if (after !== undefined) rows = rows.where('number', '>', after);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        bytes: ({ trial }) => trial.byteLength,
        value: toTrial,
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
    list: async ({ pageSize, pageToken }) => {
      const before = readPageToken(pageToken);
      let rows = database
        .selectFrom('studies')
        .select(['number', 'id', 'job_id', 'model', 'checkpoint_digest', 'seed', 'state', 'created_ms'])
        .select(({ selectFrom }) =>
          selectFrom('trials')
            .whereRef('trials.study_id', '=', 'studies.id')
            .select(({ fn }) => fn.countAll<number>().as('count'))
            .as('trials'),
        )
        .orderBy('number', 'desc')
        .limit(pageSize + 1);
      if (before !== undefined) rows = rows.where('number', '<', before);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        bytes: ({ model }) => 300 + Buffer.byteLength(model),
        value: (row) => ({ ...toEntry(row), trials: Number(row.trials ?? 0) }),
      });
    },
    remove: (studyId) =>
      database.transaction().execute(async (transaction) => {
        for (const table of ['study_events', 'trials', 'pair_sets'] as const)
          await transaction.deleteFrom(table).where('study_id', '=', studyId).execute();
        const { numDeletedRows } = await transaction
          .deleteFrom('studies')
          .where('id', '=', studyId)
          .executeTakeFirstOrThrow();
        return numDeletedRows > 0n;
      }),
  };
}

export async function insertStudy(
  database: Kysely<Schema>,
  {
    study: { id, jobId, model, checkpointDigest, seed, request, plan, progress, report, state, createdMs },
  }: NewStudyRecord,
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
      plan: toJson(plan ?? null),
      progress: toJson(progress ?? null),
      report: report === undefined ? null : toJson(report),
      state: STATE_CODES[state],
      created_ms: createdMs,
    })
    .execute();
}

async function selectStudy(database: Kysely<Schema>, studyId: string): Promise<StudyRecord | undefined> {
  const row = await database.selectFrom('studies').selectAll().where('id', '=', studyId).executeTakeFirst();
  return (
    row && {
      ...toEntry(row),
      request: blobBytes(row.request),
      plan: readStored(`the plan of ${row.id}`, () => fromJson(row.plan)) ?? undefined,
      progress: readStored(`the progress of ${row.id}`, () => fromJson(row.progress)),
      report: row.report === null ? undefined : readStored(`the report of ${row.id}`, () => fromJson(row.report ?? '')),
    }
  );
}

function toEntry(
  row: Pick<
    Selectable<Schema['studies']>,
    'id' | 'job_id' | 'model' | 'checkpoint_digest' | 'seed' | 'state' | 'created_ms'
  >,
): Omit<StudyEntry, 'trials'> {
  return {
    id: row.id,
    jobId: row.job_id,
    model: row.model,
    checkpointDigest: row.checkpoint_digest,
    seed: row.seed,
    state: stateOf(row.state),
    createdMs: row.created_ms,
  };
}

export async function recordStep(
  database: Kysely<Schema>,
  { studyId, events = [], seconds = 0, trials = [], progress, report, state }: StudyStepRecord,
): Promise<void> {
  if (events.length > 0) {
    const { last } = await database
      .selectFrom('study_events')
      .where('study_id', '=', studyId)
      .select(({ fn }) => fn.max('number').as('last'))
      .executeTakeFirstOrThrow();
    for (const [index, event] of events.entries()) {
      await database
        .insertInto('study_events')
        .values({
          study_id: studyId,
          number: Number(last ?? 0) + 1 + index,
          event: toJson(event),
          seconds: index === 0 ? seconds : 0,
        })
        .execute();
    }
  }
  for (const { number, role, trial } of trials)
    await database
      .insertInto('trials')
      .values({ study_id: studyId, number, role, trial })
      .onConflict((conflict) => conflict.columns(['study_id', 'number']).doUpdateSet({ role, trial }))
      .execute();
  if (progress !== undefined)
    await database
      .updateTable('studies')
      .set({ progress: toJson(progress) })
      .where('id', '=', studyId)
      .execute();
  if (report !== undefined)
    await database
      .updateTable('studies')
      .set({ report: toJson(report) })
      .where('id', '=', studyId)
      .execute();
  if (state !== undefined)
    await database.updateTable('studies').set({ state: STATE_CODES[state] }).where('id', '=', studyId).execute();
}

function toTrial({ number, role, trial }: { number: number; role: number; trial: Blob }): TrialRecord {
  return { number, role, trial: blobBytes(trial) };
}
