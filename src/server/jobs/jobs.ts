import type { JobRequest } from '../../core/ports/job-store.js';
import type { DimensionRange } from '../../gen/prunecast/v1/common.js';
import type { Job, JobEnded, JobEvent, JobKind, JobPaused, JobState } from '../../gen/prunecast/v1/job.js';
import type { StoreRecord } from '../../core/ports/store.js';

/** Durable jobs, alike for every kind. All methods may be called at any time; the state they tell is the stored one. */
export interface Jobs {
  /**
   * Starts a job, or attaches to the one that has the same request id and digest. It is QUEUED when as many jobs run as
   * may. Throws the signal's reason, REQUEST_ID_REUSED for a known request id with another digest, OVERLOADED when the queue is full, and
   * SERVER_STOPPING.
   */
  start(spec: JobSpec): Promise<StartedJob>;
  /** The job that has this request id; undefined when there is none or the id is empty. Throws REQUEST_ID_REUSED for another digest. */
  findByRequestId(requestId: string, requestDigest: string): Promise<string | undefined>;
  /** Throws JOB_NOT_FOUND. */
  get(jobId: string): Promise<Job>;
  /** Jobs, newest first. Throws INVALID_REQUEST for a page token that no list gave. */
  list(query: JobQuery): Promise<JobPage>;
  /**
   * Asks a job to stop, and returns it as it has ended: within two seconds, as CANCELLED. What had ended before stays as
   * it is. Throws JOB_NOT_FOUND, and STORAGE_FULL or STATE_UNAVAILABLE where the end is stored later.
   */
  cancel(jobId: string): Promise<Job>;
  /**
   * Goes on with a paused job: it runs, or is queued.
   *
   * @param ranges for a study that waits before its refinement: the ranges of the dimensions named, in place of those
   * proposed
   * @throws PrunecastError JOB_NOT_FOUND, JOB_NOT_RESUMABLE, INVALID_REQUEST, SPACE_INVALID, BUDGET_INFEASIBLE, LEASE_HELD,
   * SERVER_STOPPING, or the signal's reason, where it fires before the job goes on
   */
  resume(jobId: string, ranges: readonly DimensionRange[], signal: AbortSignal): Promise<Job>;
  /**
   * Does something heavy that is no job in the turn of one: when fewer jobs run than may, before those that wait.
   *
   * @throws PrunecastError OVERLOADED, SERVER_STOPPING, the signal's reason, or what `work` throws
   */
  takeTurn<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
  /** Forgets an ended job and its events. Throws JOB_NOT_FOUND, JOB_ACTIVE. */
  remove(jobId: string): Promise<void>;
}

export interface JobSpec {
  readonly kind: JobKind;
  /** The caller's id; empty for none. */
  readonly requestId: string;
  /** Names the request's contents: `digestRequest`. */
  readonly requestDigest: string;
  /** The encoded request and what it resolved to, from which a server can resume the job; undefined where none can. */
  readonly request?: JobRequest;
  /** The study of a Search or SamplePairs job. */
  readonly studyId?: string;
  /** Of whoever asks for the job: where it has fired, none is started. It does not stop one that was. */
  readonly signal?: AbortSignal;
  /**
   * Does the work. What it returns goes into the terminal event; what it throws ends the job as FAILED. It should end
   * within two seconds of `context.signal`: later it is left behind, its result is dropped, and the next job starts.
   */
  run(context: JobContext): Promise<JobOutcome>;
}

export type JobResult = JobEnded['result'];

/** What a run comes to: the job's result, or that it waits for ResumeJob, from where another run goes on. */
export type JobOutcome = JobResult | { readonly $case: 'paused'; readonly value: JobPaused };

/** What a run may emit; its end, its place in the queue and heartbeats are the runner's own. */
export type EmittedPayload = Exclude<
  NonNullable<JobEvent['payload']>,
  { $case: 'ended' | 'queued' | 'heartbeat' | 'paused' }
>;

/** What a running job sees of the server. */
export interface JobContext {
  readonly jobId: string;
  /** Fires on cancel and when the server stops; its reason is the error that the work should end with. */
  readonly signal: AbortSignal;
  /** Stores an event, then shows it to all who follow. Rejects with the signal's reason once the job has ended, and with MESSAGE_TOO_LARGE. */
  emit(payload: EmittedPayload): Promise<void>;
  /**
   * Stores events, and what belongs with them, in one transaction, then shows the events. Rejects as `emit`; nothing is
   * stored then.
   */
  commit(payloads: readonly EmittedPayload[], records: readonly StoreRecord[]): Promise<void>;
  /** Has something stored in the transaction of the job's next event, the terminal one at the latest; not at all where that event comes too late. */
  join(record: StoreRecord): void;
  /** The same, but by itself where that event comes too late. For what stands however the job ends: a label is paid, and stays. */
  keep(record: StoreRecord): void;
  /** The events that the job has stored, from the oldest kept: those of earlier servers too. */
  stored(): AsyncIterable<JobEvent>;
  /** Call it as often as you like: at most about one event a second is made of it, the newest always being kept. */
  progress(progress: JobProgressReport): void;
}

export interface JobProgressReport {
  /** What is being done, for people: "calibrating", "labelling pairs". A new activity starts its clock. */
  readonly activity: string;
  /** Done and total, in `unit`; total 0 when unknown. */
  readonly done: number;
  readonly total: number;
  /** "tokens", "pairs", "layers". */
  readonly unit: string;
}

export interface StartedJob {
  readonly jobId: string;
  /** Whether this request started the job, or found it under its request id. */
  readonly origin: 'started' | 'attached';
}

export interface JobQuery {
  /** Undefined for all. */
  readonly kind?: JobKind | undefined;
  readonly state?: JobState | undefined;
  readonly pageSize: number;
  /** From the last page; empty for the first. */
  readonly pageToken: string;
}

export interface JobPage {
  readonly jobs: readonly Job[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}
