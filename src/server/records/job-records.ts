import { readStored } from '../../core/errors/read-stored.js';
import type {
  EventRecord,
  HeldJob,
  JobChange,
  JobRequest,
  JobState as StoredState,
  Lease,
  NewJob as NewStoredJob,
  StoredEvent,
  StoredJob,
} from '../../core/ports/job-store.js';
import type { Page, PageQuery } from '../../core/ports/pages.js';
import type { Store, StoreRecord } from '../../core/ports/store.js';
import { Status } from '../../gen/google/rpc/status.js';
import { type Job, JobEvent, type JobKind, JobProgress, JobState } from '../../gen/prunecast/v1/job.js';
import { toTimestamp } from '../encoding/timestamp.js';

export interface NewJob extends NewStoredJob {
  readonly kind: JobKind;
}

export type EventPayload = NonNullable<JobEvent['payload']>;

/** An event to be stored, of a job that its writer holds. */
export interface EventEntry extends HeldJob {
  readonly payload: EventPayload;
}

export interface JobQuery extends PageQuery {
  /** `undefined` for all. */
  readonly kind?: JobKind | undefined;
  readonly state?: JobState | undefined;
}

/** The jobs of a store and their events, as messages of the API. All methods are those of `JobStore` and `Store`. */
export interface JobRecords {
  create(job: NewJob, first: EventPayload, lease: Lease): Promise<HeldJob>;
  append(
    entries: readonly EventEntry[],
    timeMs: number,
  ): Promise<readonly { readonly jobId: string; readonly sequence: number }[]>;
  /** Stores events of one job, then what belongs with them, in one transaction. */
  commit(
    job: HeldJob,
    payloads: readonly EventPayload[],
    records: readonly StoreRecord[],
    timeMs: number,
  ): Promise<number | undefined>;
  keep(records: readonly StoreRecord[]): Promise<void>;
  get(jobId: string): Promise<Job>;
  findByRequestId(requestId: string): Promise<{ readonly jobId: string; readonly requestDigest: string } | undefined>;
  list(query: JobQuery): Promise<Page<Job>>;
  /** Without their progress and error, so that a server starts even if one of these is damaged. */
  unfinished(): Promise<Job[]>;
  fruitlessStarts(jobId: string): Promise<number>;
  request(jobId: string): Promise<JobRequest | undefined>;
  eventsAfter(jobId: string, sequence: number, limit: number): Promise<JobEvent[]>;
  oldestSequence(jobId: string): Promise<number>;
  compact(jobId: string, sequence: number): Promise<void>;
  remove(jobId: string): Promise<void>;
}

export function openJobRecords(store: Store): JobRecords {
  const { jobs } = store;
  return {
    create: (job, first, lease) => jobs.create(job, toRecord(first), lease),
    append: (entries, timeMs) =>
      jobs.append(
        entries.map(({ jobId, token, payload }) => ({ jobId, token, ...toRecord(payload) })),
        timeMs,
      ),
    commit: (job, payloads, records, timeMs) => store.commit(job, [...payloads.map(toRecord), ...records], timeMs),
    keep: (records) => store.keep(records),
    get: async (jobId) => toJob(await jobs.get(jobId)),
    findByRequestId: (requestId) => jobs.findByRequestId(requestId),
    list: async ({ state, ...query }) => {
      const { values, nextPageToken } = await jobs.list({
        ...query,
        ...(state === undefined ? {} : { state: nameState(state) }),
      });
      return { values: values.map(toJob), nextPageToken };
    },
    unfinished: async () =>
      (await jobs.unfinished()).map((job) => toJob({ ...job, progress: undefined, error: undefined })),
    fruitlessStarts: async (jobId) => (await jobs.get(jobId)).fruitlessStarts,
    request: (jobId) => jobs.request(jobId),
    eventsAfter: async (jobId, sequence, limit) =>
      (await jobs.eventsAfter(jobId, sequence, limit)).map((event) => toEvent(jobId, event)),
    oldestSequence: (jobId) => jobs.oldestSequence(jobId),
    compact: (jobId, sequence) => jobs.compact(jobId, sequence),
    remove: (jobId) => jobs.remove(jobId),
  };
}

const STATES = {
  queued: JobState.QUEUED,
  running: JobState.RUNNING,
  paused: JobState.PAUSED,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
  cancelled: JobState.CANCELLED,
} as const satisfies Record<StoredState, JobState>;

/** A state as the store names it. */
export function nameState(state: JobState): StoredState {
  const name = (Object.keys(STATES) as StoredState[]).find((candidate) => STATES[candidate] === state);
  if (name === undefined) throw new RangeError(`${state} is no state of a job`);
  return name;
}

/** A state as the API numbers it. */
export function encodeState(state: StoredState): JobState {
  return STATES[state];
}

function toRecord(payload: EventPayload): EventRecord {
  return {
    kind: 'event',
    payload: JobEvent.encode(JobEvent.create({ payload })).finish(),
    change: changeOf(payload),
  };
}

function changeOf(payload: EventPayload): JobChange {
  switch (payload.$case) {
    case 'queued':
      return { to: 'queued', place: payload.value.place };
    case 'started':
      return { to: 'running' };
    case 'paused':
      return { to: 'paused' };
    case 'progress':
      return { to: 'progress', progress: JobProgress.encode(payload.value).finish() };
    case 'ended': {
      const { state, error } = payload.value;
      const to = nameState(state);
      if (to !== 'succeeded' && to !== 'failed' && to !== 'cancelled')
        throw new RangeError(`a job cannot end as ${to}`);
      return { to, error: error === undefined ? undefined : Status.encode(error).finish() };
    }
    default:
      return { to: 'worked' };
  }
}

function toEvent(jobId: string, { sequence, timeMs, payload }: StoredEvent): JobEvent {
  const stored = readStored(`event ${sequence} of ${jobId}`, () => JobEvent.decode(payload));
  return {
    jobId,
    sequence: BigInt(sequence),
    time: timeMs === undefined ? stored.time : toTimestamp(timeMs),
    payload: stored.payload,
  };
}

function toJob(job: StoredJob): Job {
  const { progress, error } = job;
  return {
    id: job.id,
    kind: job.kind as JobKind,
    state: encodeState(job.state),
    requestId: job.requestId,
    createTime: toTimestamp(job.createdMs),
    startTime: job.startedMs === undefined ? undefined : toTimestamp(job.startedMs),
    endTime: job.endedMs === undefined ? undefined : toTimestamp(job.endedMs),
    lastSequence: BigInt(job.lastSequence),
    queuePlace: job.queuePlace,
    progress: progress && readStored(`the progress of ${job.id}`, () => JobProgress.decode(progress)),
    error: error && readStored(`the error of ${job.id}`, () => Status.decode(error)),
    studyId: job.studyId,
  };
}
