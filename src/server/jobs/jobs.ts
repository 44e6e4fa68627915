import type { Lane } from '../../core/ports/job-queue.js';
import type {
  EventRecord,
  JobOrigin,
  JobRequest,
  StoredEvent,
  StoredJob,
  StoredJobQuery,
} from '../../core/ports/job-store.js';
import type { ItemProgress } from '../../core/ports/work-context.js';
import type { Page } from '../../core/ports/pages.js';
import type { StoreRecord } from '../../core/ports/store.js';
import type { JobPhases } from './phase-log.js';

/**
 * Durable jobs, alike for every kind: bytes go in, events come out. All methods may be called at any time; the state
 * they tell is the stored one.
 */
export interface Jobs {
  /**
   * Starts a job, or attaches to the one that has the same request id and digest. It is queued if as many jobs run as
   * may. Throws the signal's reason, REQUEST_ID_REUSED for a known request id with another digest, OVERLOADED if as
   * much waits as may, and SERVER_STOPPING.
   */
  start(spec: JobSpec): Promise<StartedJob>;
  /**
   * The job that has this request id; `undefined` if there is none or the id is empty. Throws REQUEST_ID_REUSED for
   * another digest.
   */
  findByRequestId(requestId: string, requestDigest: string): Promise<string | undefined>;
  /** Throws JOB_NOT_FOUND. */
  get(jobId: string): Promise<StoredJob>;
  /** What the job was asked for, as it came; `undefined` if it was stored without. */
  request(jobId: string): Promise<Uint8Array | undefined>;
  /** The event that changed a job last, the terminal one of a job that has ended; `undefined` if it was deleted. */
  newestEvent(job: Pick<StoredJob, 'id' | 'lastSequence'>): Promise<StoredEvent | undefined>;
  /** Jobs, newest first. Throws INVALID_REQUEST for a page token that no list gave. */
  list(query: StoredJobQuery): Promise<Page<StoredJob>>;
  /**
   * Asks a job to stop, and returns it as it has ended: within two seconds, as cancelled. A job that had ended before
   * stays as it is. Throws JOB_NOT_FOUND, and STORAGE_FULL or STATE_UNAVAILABLE if the end is stored later.
   */
  cancel(jobId: string): Promise<StoredJob>;
  /**
   * Resumes a paused job: it runs, or is queued.
   *
   * @param input what the caller brings; the kind of the job knows what it means
   * @throws PrunecastError JOB_NOT_FOUND, JOB_NOT_RESUMABLE, LEASE_HELD, SERVER_STOPPING, whatever the kind refuses the
   * input with, or the signal's reason if it fires before the job is resumed
   */
  resume(jobId: string, input: Uint8Array, signal: AbortSignal): Promise<StoredJob>;
  /**
   * Does heavy work with a model that is no job in the slot of one: the next that is free, before any job that waits.
   *
   * @param asked who asks for it, and a signal that fires when they leave
   * @throws PrunecastError OVERLOADED, SERVER_STOPPING, the signal's reason, or what `work` throws
   */
  takeTurn<Result>(
    work: () => Promise<Result>,
    asked: { readonly caller: string; readonly signal: AbortSignal },
  ): Promise<Result>;
  /** Forgets an ended job and its events. Throws JOB_NOT_FOUND, JOB_ACTIVE. */
  remove(jobId: string): Promise<void>;
}

export interface JobSpec {
  /** The number of its kind. */
  readonly kind: number;
  /** The caller's id; empty for none. */
  readonly requestId: string;
  /** Names the request's contents. */
  readonly requestDigest: string;
  /** What a server can resume the job from; left out if none can. */
  readonly request?: JobRequest;
  /** The study that the job makes; left out for none. */
  readonly studyId?: string;
  /** The caller's own; left out for none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Who asks for it: the queue is fair between callers. Left out if it is unknown. */
  readonly caller?: string;
  /** The call that asks for it. Left out if it is unknown. */
  readonly origin?: JobOrigin;
  /** How long it took to check the request and to open what it needs, the job's first phase; 0 if left out. */
  readonly openedSeconds?: number;
  /** Of whoever asks for the job: if it has fired, none is started. It does not stop a job that was started. */
  readonly signal?: AbortSignal;
  readonly run: Work;
  /** Where it waits, and whose slot it takes. */
  readonly lane: Lane;
}

/**
 * Does the work of a job. Returns the event that ends the job, or pauses it until ResumeJob; what it throws ends the
 * job as failed. It should end within two seconds of `context.signal`: later it is left behind, its result is dropped,
 * and the next job starts.
 */
export type Work = (context: RunContext) => Promise<EventRecord>;

/** What a running job sees of the server. */
export interface RunContext {
  readonly jobId: string;
  /** Fires on cancel and when the server stops; its reason is the error that the work should end with. */
  readonly signal: AbortSignal;
  /**
   * Stores events, and what belongs with them, in one transaction, then shows the events to all who follow. Rejects
   * with the signal's reason once the job has ended; nothing is stored then.
   */
  commit(events: readonly EventRecord[], records: readonly StoreRecord[]): Promise<void>;
  /**
   * Has something stored in the transaction of the job's next event, the terminal one at the latest; not at all if that
   * event comes too late.
   */
  join(record: StoreRecord): void;
  /**
   * The same, but by itself if that event comes too late. For what stands however the job ends: a label is paid for,
   * and stays.
   */
  keep(record: StoreRecord): void;
  /** The events that the job has stored, from the oldest kept: those of earlier servers too. */
  stored(): AsyncIterable<StoredEvent>;
  /** May be called often: at most about one event per second is made of it, and the newest is always kept. */
  progress(progress: JobProgressReport): void;
  /** The phases of the job: they are stored with its events, and seen by GetJob. */
  readonly phases: JobPhases;
}

export interface JobProgressReport {
  /** What is being done, for people: "calibrating", "labelling pairs". A new activity starts its clock. */
  readonly activity: string;
  /** Done and total, in `unit`; total 0 if unknown. */
  readonly done: number;
  readonly total: number;
  /** "tokens", "pairs", "layers". */
  readonly unit: string;
  /** What is measured: windows or questions, over all architectures that are measured together. */
  readonly items?: ItemProgress;
  /** All that is done so far is stored: if the server ends with the job, it was no fruitless start. */
  readonly saved?: boolean;
}

export interface StartedJob {
  readonly jobId: string;
  /** Whether this request started the job, or found it under its request id. */
  readonly origin: 'started' | 'attached';
}

/** A job that began under an earlier server, or before it paused. */
export interface RestartedJob {
  readonly jobId: string;
  /** Empty for none. */
  readonly studyId: string;
  /** What its request resolved to when it began; `undefined` for a job of an earlier version. */
  readonly plan: unknown;
}

/** A kind of job as the runner knows it: how to resume one from its stored request. */
export interface RestartableKind {
  readonly kind: number;
  /** Where a job of this request waits, and whose slot it takes. */
  laneOf(request: Uint8Array): Lane;
  /** The rest of the work. It throws what the request is refused with now. */
  restart(request: Uint8Array, job: RestartedJob): Work;
  /**
   * What a caller's ResumeJob brings to a paused job, stored together with its resuming. Throws INVALID_REQUEST, and
   * whatever else the input is refused with.
   */
  resume(
    request: Uint8Array,
    job: RestartedJob,
    input: Uint8Array,
    signal: AbortSignal,
  ): Promise<readonly (EventRecord | StoreRecord)[]>;
}
