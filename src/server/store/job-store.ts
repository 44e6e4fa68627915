import { sql, type Kysely, type Selectable, type Transaction, type UpdateObject } from 'kysely';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { Status } from '../../gen/google/rpc/status.js';
import { type Job, JobEvent, type JobKind, JobProgress, JobState } from '../../gen/prunecast/v1/job.js';
import { blobBytes, type Blob } from './blobs.js';
import type { Lease } from './lease-store.js';
import { readPageToken, takePage, type Page, type PageQuery } from './pages.js';
import { readStored } from './read-stored.js';
import type { Schema } from './schema.js';
import type { StoreWrite } from './store-write.js';
import { toTimestamp } from './timestamps.js';

export interface NewJob {
  readonly id: string;
  readonly kind: JobKind;
  /** Empty for none. */
  readonly requestId: string;
  readonly requestDigest: string;
  /** Empty for none. */
  readonly studyId: string;
  /** The encoded request, that the job can be run again from; undefined where it cannot. */
  readonly request: Uint8Array | undefined;
  readonly createdMs: number;
}

/** A job as one who writes what it does names it. */
export interface HeldJob {
  readonly jobId: string;
  /** That of the writer's lease. */
  readonly token: number;
}

export interface EventEntry extends HeldJob {
  readonly payload: NonNullable<JobEvent['payload']>;
}

export interface StoredJobQuery extends PageQuery {
  readonly kind?: JobKind | undefined;
  readonly state?: JobState | undefined;
}

/**
 * Jobs and their events. A job's row always tells what its events say, since every change of it is an event, stored in
 * the same transaction. No event follows the terminal one, and none is stored whose writer's lease another has taken.
 */
export interface JobStore {
  /** Stores a job and its first event, under a lease. */
  create(job: NewJob, first: EventEntry['payload'], lease: Lease): Promise<HeldJob>;
  /** Stores events in one transaction, in order; those of unknown or ended jobs, or of a lost lease, are dropped. Returns the numbers given. */
  append(
    entries: readonly EventEntry[],
    timeMs: number,
  ): Promise<readonly { readonly jobId: string; readonly sequence: number }[]>;
  /**
   * Stores events of one job, and what belongs with them, in one transaction. Returns the last number given (that of the
   * newest event where none was to be stored), or undefined where the job is unknown or has ended, or the lease is lost:
   * nothing is stored then.
   */
  commit(
    job: HeldJob,
    payloads: readonly EventEntry['payload'][],
    writes: readonly StoreWrite[],
    timeMs: number,
  ): Promise<number | undefined>;
  /** Stores what belongs to no job, in one transaction. */
  keep(writes: readonly StoreWrite[]): Promise<void>;
  /** Throws JOB_NOT_FOUND. */
  get(jobId: string): Promise<Job>;
  findByRequestId(requestId: string): Promise<{ readonly jobId: string; readonly requestDigest: string } | undefined>;
  /** A page of jobs, newest first. */
  list(query: StoredJobQuery): Promise<Page<Job>>;
  /** Jobs that have not ended, oldest first, without their progress. */
  unfinished(): Promise<Job[]>;
  /**
   * How often an unfinished job was started since it last stored something of its work (progress for people does not count),
   * paused, or was let go of in order: each such start but the newest ended with its server.
   */
  fruitlessStarts(jobId: string): Promise<number>;
  /** What the job can be run again from; undefined where it cannot. */
  request(jobId: string): Promise<Uint8Array | undefined>;
  /** The first `limit` events numbered after `sequence`, or fewer where they come to `MOST_BATCH_BYTES`; at least one where there is one. */
  eventsAfter(jobId: string, sequence: number, limit: number): Promise<JobEvent[]>;
  /** Number of the oldest event kept; 1 when there is none. */
  oldestSequence(jobId: string): Promise<number>;
  /** Forgets events numbered up to `sequence`, this one included. */
  compact(jobId: string, sequence: number): Promise<void>;
  /** Forgets a job and its events. */
  remove(jobId: string): Promise<void>;
}

/** States that a job never leaves. */
export const ENDED_STATES: readonly JobState[] = [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED];

export function createJobStore(database: Kysely<Schema>): JobStore {
  return {
    create: (job, first, lease) =>
      database.transaction().execute(async (transaction) => {
        await transaction
          .insertInto('jobs')
          .values({
            id: job.id,
            kind: job.kind,
            state: JobState.QUEUED,
            request_id: job.requestId === '' ? null : job.requestId,
            request_digest: job.requestDigest,
            study_id: job.studyId,
            created_ms: job.createdMs,
            last_sequence: 0,
            queue_place: 0,
            lease_owner: lease.owner,
            lease_token: FIRST_TOKEN,
            lease_until_ms: lease.untilMs,
          })
          .execute();
        if (job.request !== undefined)
          await transaction.insertInto('job_requests').values({ job_id: job.id, request: job.request }).execute();
        const held = { jobId: job.id, token: FIRST_TOKEN };
        await appendOne(transaction, { ...held, payload: first }, job.createdMs);
        return held;
      }),
    append: (entries, timeMs) =>
      database.transaction().execute(async (transaction) => {
        const appended = [];
        for (const entry of entries) {
          const sequence = await appendOne(transaction, entry, timeMs);
          if (sequence !== undefined) appended.push({ jobId: entry.jobId, sequence });
        }
        return appended;
      }),
    commit: (job, payloads, writes, timeMs) =>
      database.transaction().execute(async (transaction) => {
        let last = await holdOpen(transaction, job);
        if (last === undefined) return undefined;
        for (const payload of payloads) last = (await appendOne(transaction, { ...job, payload }, timeMs)) ?? last;
        for (const write of writes) await write(transaction);
        return last;
      }),
    keep: (writes) =>
      database.transaction().execute(async (transaction) => {
        for (const write of writes) await write(transaction);
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
    list: async ({ kind, state, pageSize, pageToken }) => {
      const before = readPageToken(pageToken);
      let rows = database
        .selectFrom('jobs')
        .selectAll()
        .orderBy('number', 'desc')
        .limit(pageSize + 1);
      if (kind !== undefined) rows = rows.where('kind', '=', kind);
      if (state !== undefined) rows = rows.where('state', '=', state);
      if (before !== undefined) rows = rows.where('number', '<', before);
      return takePage(await rows.execute(), pageSize, {
        key: ({ number }) => number,
        // An earlier version took request ids of any length.
        bytes: ({ progress, error, request_id }) =>
          300 + (progress?.byteLength ?? 0) + (error?.byteLength ?? 0) + Buffer.byteLength(request_id ?? ''),
        value: toJob,
      });
    },
    unfinished: async () => {
      const rows = await database
        .selectFrom('jobs')
        .selectAll()
        .where('state', 'not in', ENDED_STATES)
        .orderBy('number')
        .execute();
      // A server starts also where a blob of a job is damaged.
      return rows.map((row) => toJob({ ...row, progress: null, error: null }));
    },
    fruitlessStarts: async (jobId) => {
      const row = await database
        .selectFrom('jobs')
        .select('fruitless_starts')
        .where('id', '=', jobId)
        .executeTakeFirst();
      return row?.fruitless_starts ?? 0;
    },
    request: async (jobId) => {
      const row = await database
        .selectFrom('job_requests')
        .select('request')
        .where('job_id', '=', jobId)
        .executeTakeFirst();
      return row && blobBytes(row.request);
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
      const rows = await ahead.select(['sequence', 'event']).where('sequence', '<=', last).execute();
      return rows.map((row) =>
        readStored(`event ${row.sequence} of ${jobId}`, () => JobEvent.decode(blobBytes(row.event))),
      );
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

/** Each follower of a job may hold so much while it waits for a slow reader. */
const MOST_BATCH_BYTES = 2 ** 20;

/** How many of the first fit a batch. */
function countFitting(sizes: readonly { readonly bytes: number }[]): number {
  let total = 0;
  const tooMany = sizes.findIndex(({ bytes }, index) => {
    total += bytes;
    return index > 0 && total > MOST_BATCH_BYTES;
  });
  return tooMany === -1 ? sizes.length : tooMany;
}

/** The number of a job's newest event; undefined where the job is unknown or has ended, or the lease is lost. An update, so that no other process writes before this transaction ends. */
async function holdOpen(transaction: Transaction<Schema>, { jobId, token }: HeldJob): Promise<number | undefined> {
  const row = await transaction
    .updateTable('jobs')
    .set(({ ref }) => ({ last_sequence: ref('last_sequence') }))
    .where('id', '=', jobId)
    .where('lease_token', '=', token)
    .where('state', 'not in', ENDED_STATES)
    .returning('last_sequence')
    .executeTakeFirst();
  return row?.last_sequence;
}

/** Stores one event and what it changes of the job's row; returns its number, or undefined when the job is unknown or has ended, or the lease is lost. */
async function appendOne(
  transaction: Transaction<Schema>,
  { jobId, token, payload }: EventEntry,
  timeMs: number,
): Promise<number | undefined> {
  const row = await transaction
    .updateTable('jobs')
    .set(({ eb }) => ({ ...changesOf(payload, timeMs), last_sequence: eb('last_sequence', '+', 1) }))
    .where('id', '=', jobId)
    .where('lease_token', '=', token)
    .where('state', 'not in', ENDED_STATES)
    .returning('last_sequence')
    .executeTakeFirst();
  if (!row) return undefined;
  const event: JobEvent = { jobId, sequence: BigInt(row.last_sequence), time: toTimestamp(timeMs), payload };
  await transaction
    .insertInto('events')
    .values({ job_id: jobId, sequence: row.last_sequence, event: JobEvent.encode(event).finish() })
    .execute();
  return row.last_sequence;
}

function changesOf(payload: EventEntry['payload'], timeMs: number): UpdateObject<Schema, 'jobs'> {
  switch (payload.$case) {
    case 'queued':
      return { state: JobState.QUEUED, queue_place: payload.value.place };
    case 'started':
      return {
        state: JobState.RUNNING,
        queue_place: 0,
        started_ms: timeMs,
        fruitless_starts: sql<number>`fruitless_starts + 1`,
      };
    case 'paused':
      return { state: JobState.PAUSED, fruitless_starts: 0 };
    case 'progress':
      return { progress: JobProgress.encode(payload.value).finish() };
    case 'ended':
      return {
        state: payload.value.state,
        queue_place: 0,
        ended_ms: timeMs,
        error: payload.value.error ? Status.encode(payload.value.error).finish() : null,
      };
    // A result of the work: the job gets on.
    default:
      return { fruitless_starts: 0 };
  }
}

function toJob(row: Selectable<Schema['jobs']>): Job {
  return {
    id: row.id,
    kind: row.kind as JobKind,
    state: row.state as JobState,
    requestId: row.request_id ?? '',
    createTime: toTimestamp(row.created_ms),
    startTime: row.started_ms === null ? undefined : toTimestamp(row.started_ms),
    endTime: row.ended_ms === null ? undefined : toTimestamp(row.ended_ms),
    lastSequence: BigInt(row.last_sequence),
    queuePlace: row.queue_place,
    progress: readBlob(row.progress, `the progress of ${row.id}`, JobProgress),
    error: readBlob(row.error, `the error of ${row.id}`, Status),
    studyId: row.study_id,
  };
}

function readBlob<Message>(
  blob: Blob | null,
  what: string,
  codec: { decode(bytes: Uint8Array): Message },
): Message | undefined {
  return blob === null ? undefined : readStored(what, () => codec.decode(blobBytes(blob)));
}
