import { readStored } from '../../../core/errors/read-stored.js';
import { sql, type Kysely, type Selectable, type UpdateObject } from 'kysely';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type {
  EventRecord,
  HeldJob,
  JobChange,
  JobOrigin,
  JobState,
  JobStore,
  StoredJob,
} from '../../../core/ports/job-store.js';
import { readPageToken, takePage } from '../pages.js';
import { blobBytes, optionalBytes } from './columns.js';
import type { Schema } from './schema.js';

/** How states are stored. Released numbers never change. */
export const STATE_CODES = {
  queued: 1,
  running: 2,
  paused: 3,
  succeeded: 4,
  failed: 5,
  cancelled: 6,
} as const satisfies Record<JobState, number>;

export const ENDED_CODES: readonly number[] = [STATE_CODES.succeeded, STATE_CODES.failed, STATE_CODES.cancelled];

export function stateOf(code: number): JobState {
  const state = STATES.find((candidate) => STATE_CODES[candidate] === code);
  if (state === undefined)
    throw new PrunecastError(
      'STATE_DAMAGED',
      `the state folder holds a job or study in the unknown state ${code}: restore the folder from a backup`,
    );
  return state;
}

const STATES = Object.keys(STATE_CODES) as JobState[];

export function createJobStore(database: Kysely<Schema>): JobStore {
  return {
    create: (job, first, lease) =>
      database.transaction().execute(async (transaction) => {
        await transaction
          .insertInto('jobs')
          .values({
            id: job.id,
            kind: job.kind,
            state: STATE_CODES.queued,
            request_id: job.requestId === '' ? null : job.requestId,
            request_digest: job.requestDigest,
            study_id: job.studyId,
            labels: JSON.stringify(job.labels),
            caller: job.caller,
            origin: job.origin === undefined ? null : JSON.stringify(job.origin),
            created_ms: job.createdMs,
            last_sequence: 0,
            queue_place: 0,
            lease_owner: lease.owner,
            lease_token: FIRST_TOKEN,
            lease_until_ms: lease.untilMs,
          })
          .execute();
        if (job.request !== undefined)
          await transaction
            .insertInto('job_requests')
            .values({
              job_id: job.id,
              request: job.request.bytes,
              plan: job.request.plan === undefined ? null : JSON.stringify(job.request.plan),
            })
            .execute();
        const held = { jobId: job.id, token: FIRST_TOKEN };
        await appendEvent(transaction, held, first, job.createdMs);
        return held;
      }),
    append: (events, timeMs) =>
      database.transaction().execute(async (transaction) => {
        const appended = [];
        for (const event of events) {
          const sequence = await appendEvent(transaction, event, event, timeMs);
          if (sequence !== undefined) appended.push({ jobId: event.jobId, sequence });
        }
        return appended;
      }),
    get: async (jobId) => {
      const row = await database.selectFrom('jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
      if (!row)
        throw new PrunecastError('JOB_NOT_FOUND', `no job has the id "${jobId}"`, { metadata: { job_id: jobId } });
      return toJob(row);
    },
    findByRequestId: async (requestId) => {
      const row = await database
        .selectFrom('jobs')
        .select(['id', 'request_digest'])
        .where('request_id', '=', requestId)
        .executeTakeFirst();
      return row && { jobId: row.id, requestDigest: row.request_digest };
    },
    list: async ({ kind, state, labels = {}, pageSize, pageToken }) => {
      const before = readPageToken(pageToken);
      let rows = database
        .selectFrom('jobs')
        .selectAll()
        .orderBy('number', 'desc')
        .limit(pageSize + 1);
      if (kind !== undefined) rows = rows.where('kind', '=', kind);
      if (state !== undefined) rows = rows.where('state', '=', STATE_CODES[state]);
      for (const [name, value] of Object.entries(labels))
        rows = rows.where(
          sql<boolean>`EXISTS (SELECT 1 FROM json_each(jobs.labels) WHERE key = ${name} AND value = ${value})`,
        );
      if (before !== undefined) rows = rows.where('number', '<', before);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        // An earlier version accepted request ids of any length.
        bytes: ({ progress, error, phases, request_id, labels: own }) =>
          300 +
          (progress?.byteLength ?? 0) +
          (error?.byteLength ?? 0) +
          (phases?.byteLength ?? 0) +
          Buffer.byteLength(request_id ?? '') +
          Buffer.byteLength(own),
        value: toJob,
      });
    },
    unfinished: async () => {
      const rows = await database
        .selectFrom('jobs')
        .selectAll()
        .where('state', 'not in', ENDED_CODES)
        .orderBy('number')
        .execute();
      return rows.map(toJob);
    },
    request: async (jobId) => {
      const row = await database
        .selectFrom('job_requests')
        .select(['request', 'plan'])
        .where('job_id', '=', jobId)
        .executeTakeFirst();
      return (
        row && {
          bytes: blobBytes(row.request),
          plan:
            row.plan === null
              ? undefined
              : readStored(`the plan of ${jobId}`, () => JSON.parse(row.plan as string) as unknown),
        }
      );
    },
    eventsAfter: async (jobId, sequence, limit) => {
      const ahead = database
        .selectFrom('events')
        .where('job_id', '=', jobId)
        .where('sequence', '>', sequence)
        .orderBy('sequence')
        .limit(limit);
      const sizes = await ahead.select(['sequence', sql<number>`length(event)`.as('bytes')]).execute();
      const last = sizes[countFitting(sizes) - 1]?.sequence;
      if (last === undefined) return [];
      const rows = await ahead.select(['sequence', 'time_ms', 'event']).where('sequence', '<=', last).execute();
      return rows.map((row) => ({
        sequence: row.sequence,
        timeMs: row.time_ms ?? undefined,
        payload: blobBytes(row.event),
      }));
    },
    oldestSequence: async (jobId) => {
      const row = await database
        .selectFrom('events')
        .select('sequence')
        .where('job_id', '=', jobId)
        .orderBy('sequence')
        .limit(1)
        .executeTakeFirst();
      return row?.sequence ?? 1;
    },
    compact: async (jobId, sequence) => {
      await database.deleteFrom('events').where('job_id', '=', jobId).where('sequence', '<=', sequence).execute();
    },
    remove: (jobId) =>
      database.transaction().execute(async (transaction) => {
        await transaction.deleteFrom('events').where('job_id', '=', jobId).execute();
        await transaction.deleteFrom('job_requests').where('job_id', '=', jobId).execute();
        await transaction.deleteFrom('jobs').where('id', '=', jobId).execute();
      }),
  };
}

const FIRST_TOKEN = 1;

/** The most that each follower of a job holds while it waits for a slow reader. */
const MOST_BATCH_BYTES = 2 ** 20;

/** How many of the first events fit a batch. */
function countFitting(sizes: readonly { readonly bytes: number }[]): number {
  let total = 0;
  const tooMany = sizes.findIndex(({ bytes }, index) => {
    total += bytes;
    return index > 0 && total > MOST_BATCH_BYTES;
  });
  return tooMany === -1 ? sizes.length : tooMany;
}

/**
 * The number of a job's newest event; `undefined` if the job is unknown or has ended, or the lease is lost. An update,
 * so that no other process writes before this transaction ends.
 */
export async function holdJob(database: Kysely<Schema>, { jobId, token }: HeldJob): Promise<number | undefined> {
  const row = await database
    .updateTable('jobs')
    .set(({ ref }) => ({ last_sequence: ref('last_sequence') }))
    .where('id', '=', jobId)
    .where('lease_token', '=', token)
    .where('state', 'not in', ENDED_CODES)
    .returning('last_sequence')
    .executeTakeFirst();
  return row?.last_sequence;
}

/** Stores one event and what it changes of the job's row. Returns its number, or `undefined` as `holdJob`. */
export async function appendEvent(
  database: Kysely<Schema>,
  { jobId, token }: HeldJob,
  { payload, change, phases }: EventRecord,
  timeMs: number,
): Promise<number | undefined> {
  const row = await database
    .updateTable('jobs')
    .set(({ eb }) => ({
      ...columnsOf(change, timeMs),
      ...(phases === undefined ? {} : { phases }),
      last_sequence: eb('last_sequence', '+', 1),
    }))
    .where('id', '=', jobId)
    .where('lease_token', '=', token)
    .where('state', 'not in', ENDED_CODES)
    .returning('last_sequence')
    .executeTakeFirst();
  if (!row) return undefined;
  await database
    .insertInto('events')
    .values({ job_id: jobId, sequence: row.last_sequence, time_ms: timeMs, event: payload })
    .execute();
  return row.last_sequence;
}

function columnsOf(change: JobChange, timeMs: number): UpdateObject<Schema, 'jobs'> {
  switch (change.to) {
    case 'queued':
      return { state: STATE_CODES.queued, queue_place: change.place, error: null };
    case 'running':
      return {
        state: STATE_CODES.running,
        queue_place: 0,
        error: null,
        started_ms: timeMs,
        fruitless_starts: sql<number>`fruitless_starts + 1`,
      };
    case 'paused':
      return { state: STATE_CODES.paused, fruitless_starts: 0, error: change.error ?? null };
    case 'progress':
      return { progress: change.progress, ...(change.saved === true ? { fruitless_starts: 0 } : {}) };
    case 'worked':
      return { fruitless_starts: 0 };
    default:
      return { state: STATE_CODES[change.to], queue_place: 0, ended_ms: timeMs, error: change.error ?? null };
  }
}

function toJob(row: Selectable<Schema['jobs']>): StoredJob {
  return {
    id: row.id,
    kind: row.kind,
    requestId: row.request_id ?? '',
    requestDigest: row.request_digest,
    studyId: row.study_id,
    labels: readStored(`the labels of ${row.id}`, () => JSON.parse(row.labels) as StoredJob['labels']),
    caller: row.caller,
    ...(row.origin !== null && {
      origin: readStored(`the origin of ${row.id}`, () => JSON.parse(row.origin ?? '') as JobOrigin),
    }),
    state: stateOf(row.state),
    createdMs: row.created_ms,
    startedMs: row.started_ms ?? undefined,
    endedMs: row.ended_ms ?? undefined,
    lastSequence: row.last_sequence,
    queuePlace: row.queue_place,
    progress: optionalBytes(row.progress),
    error: optionalBytes(row.error),
    phases: optionalBytes(row.phases),
    fruitlessStarts: row.fruitless_starts,
  };
}
