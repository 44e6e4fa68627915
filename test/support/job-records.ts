import type { HeldJob, JobRequest, Lease, NewJob } from '../../src/core/ports/job-store.js';
import type { Page, PageQuery } from '../../src/core/ports/pages.js';
import type { Store, StoreRecord } from '../../src/core/ports/store.js';
import type { Job, JobEvent, JobKind, JobState } from '../../src/gen/prunecast/v1/job.js';
import {
  decodeEvent,
  encodeJob,
  encodePayload,
  nameState,
  type EventPayload,
} from '../../src/server/records/job-records.js';

/** An event to be stored, of a job that its writer holds. */
interface EventEntry extends HeldJob {
  readonly payload: EventPayload;
}

interface JobQuery extends PageQuery {
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

/** What a test says of a job of which only the id matters. */
export function newJob(id: string, given: Partial<NewJob> = {}): NewJob {
  return {
    id,
    kind: 3,
    requestId: '',
    requestDigest: '',
    studyId: '',
    labels: {},
    caller: 'anonymous',
    request: undefined,
    createdMs: 0,
    ...given,
  };
}

export function openJobRecords(store: Store): JobRecords {
  const { jobs } = store;
  return {
    create: (job, first, lease) => jobs.create(job, encodePayload(first), lease),
    append: (entries, timeMs) =>
      jobs.append(
        entries.map(({ jobId, token, payload }) => ({ jobId, token, ...encodePayload(payload) })),
        timeMs,
      ),
    commit: (job, payloads, records, timeMs) => store.commit(job, [...payloads.map(encodePayload), ...records], timeMs),
    keep: (records) => store.keep(records),
    get: async (jobId) => encodeJob(await jobs.get(jobId)),
    findByRequestId: (requestId) => jobs.findByRequestId(requestId),
    list: async ({ state, ...query }) => {
      const { values, nextPageToken } = await jobs.list({
        ...query,
        ...(state === undefined ? {} : { state: nameState(state) }),
      });
      return { values: values.map(encodeJob), nextPageToken };
    },
    unfinished: async () =>
      (await jobs.unfinished()).map((job) => encodeJob({ ...job, progress: undefined, error: undefined })),
    fruitlessStarts: async (jobId) => (await jobs.get(jobId)).fruitlessStarts,
    request: (jobId) => jobs.request(jobId),
    eventsAfter: async (jobId, sequence, limit) =>
      (await jobs.eventsAfter(jobId, sequence, limit)).map((event) => decodeEvent(jobId, event)),
    oldestSequence: (jobId) => jobs.oldestSequence(jobId),
    compact: (jobId, sequence) => jobs.compact(jobId, sequence),
    remove: (jobId) => jobs.remove(jobId),
  };
}
