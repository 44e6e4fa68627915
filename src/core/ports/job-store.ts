import type { TraceContext } from '../trace-context.js';
import type { Page, PageQuery } from './pages.js';

/** Where a job stands. */
export type JobState = 'queued' | 'running' | 'paused' | EndedState;

/** The states that a job never leaves. */
export type EndedState = 'succeeded' | 'failed' | 'cancelled';

/** Whether a state is one that a job never leaves. */
export function isEnded(state: JobState): state is EndedState {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

export interface NewJob {
  readonly id: string;
  /** The caller's number of a kind of job; a store only compares it. */
  readonly kind: number;
  /** Empty for none; otherwise no other job has it. */
  readonly requestId: string;
  readonly requestDigest: string;
  /** Empty for none. */
  readonly studyId: string;
  /** What the job can be run again from; `undefined` if it cannot. */
  readonly request: JobRequest | undefined;
  /** Of the caller's own, by name. */
  readonly labels: Readonly<Record<string, string>>;
  /** Who asked for it. */
  readonly caller: string;
  /** The call that started it; left out if that is not known. */
  readonly origin?: JobOrigin;
  readonly createdMs: number;
}

/** A call, as the log and traces name it. */
export interface JobOrigin {
  readonly callId: string;
  /** The span of the call; left out if nobody traced it. */
  readonly trace?: TraceContext;
}

/** What a job was asked for. */
export interface JobRequest {
  /** As it came. */
  readonly bytes: Uint8Array;
  /**
   * What it resolved to, a plain value: null, booleans, texts, finite numbers, and arrays and records of these.
   * `undefined` for a job of an earlier version.
   */
  readonly plan: unknown;
}

/** A job as its events have left it. */
export interface StoredJob extends Omit<NewJob, 'request'> {
  readonly state: JobState;
  /** When it was last started; `undefined` before. */
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
  /** The number of its newest event. */
  readonly lastSequence: number;
  /** From 1 while it is queued, otherwise 0. */
  readonly queuePlace: number;
  /** Of the newest `progress`, as the caller encoded it. */
  readonly progress: Uint8Array | undefined;
  /** Of the end, or of the pause that it is in, as the caller encoded it. */
  readonly error: Uint8Array | undefined;
  /** Of the newest event that had some, as the caller encoded them; `undefined` if none had. */
  readonly phases: Uint8Array | undefined;
  /**
   * How often it was started since it last got on with its work (a `worked` or `saved` event), paused, or was released: each of
   * these starts, except the newest, ended with its server.
   */
  readonly fruitlessStarts: number;
}

/** What an event changes of its job. */
export type JobChange =
  | { readonly to: 'queued'; readonly place: number }
  | { readonly to: 'running' }
  /** `error`: what it waits for, if it goes on by itself. */
  | { readonly to: 'paused'; readonly error?: Uint8Array }
  /** `saved`: it got on with its work too. */
  | { readonly to: 'progress'; readonly progress: Uint8Array; readonly saved?: boolean }
  /** The job got on with its work. */
  | { readonly to: 'worked' }
  | { readonly to: EndedState; readonly error: Uint8Array | undefined };

/** An event to be stored: what watchers are told, as the caller encoded it, and what it changes of the job. */
export interface EventRecord {
  readonly kind: 'event';
  readonly payload: Uint8Array;
  readonly change: JobChange;
  /** The phases of the job as of this event, as the caller encoded them; left out if they stay as they are. */
  readonly phases?: Uint8Array;
}

export interface StoredEvent {
  /** From 1, without gaps. */
  readonly sequence: number;
  /** `undefined` for an event of an earlier version, whose payload holds its time. */
  readonly timeMs: number | undefined;
  readonly payload: Uint8Array;
}

/** A job, named by a writer that holds its lease. */
export interface HeldJob {
  readonly jobId: string;
  /** Of the writer's lease. */
  readonly token: number;
}

export interface StoredJobQuery extends PageQuery {
  /** `undefined` for all. */
  readonly kind?: number | undefined;
  readonly state?: JobState | undefined;
  /** Only jobs that have all of these; left out for all. */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * Jobs and their events. Only the runner of jobs writes here; everyone may read.
 *
 * A job always tells what its events say: every change of it is an event, stored in the same transaction. Nothing
 * follows the event that ends a job, and nothing is stored by a writer whose lease another has taken.
 */
export interface JobStore {
  /**
   * Stores a job with its first event (number 1) and its lease (token 1), all or none. Of two jobs with one `requestId`
   * the second is refused with an error.
   */
  create(job: NewJob, first: EventRecord, lease: Lease): Promise<HeldJob>;
  /**
   * Stores events of any jobs in order, all or none. An event whose job is unknown, has ended, or is no longer held by
   * its writer is dropped, and does not keep the others from being stored. Returns the numbers given, in order.
   */
  append(
    events: readonly (HeldJob & EventRecord)[],
    timeMs: number,
  ): Promise<readonly { readonly jobId: string; readonly sequence: number }[]>;
  /** Throws JOB_NOT_FOUND. */
  get(jobId: string): Promise<StoredJob>;
  /** `undefined` if there is none. */
  findByRequestId(requestId: string): Promise<{ readonly jobId: string; readonly requestDigest: string } | undefined>;
  /** A page of jobs, newest first. Throws INVALID_REQUEST for a page token that no page gave. */
  list(query: StoredJobQuery): Promise<Page<StoredJob>>;
  /** The jobs that have not ended, oldest first. */
  unfinished(): Promise<StoredJob[]>;
  /** What the job can be run again from; `undefined` if it cannot. */
  request(jobId: string): Promise<JobRequest | undefined>;
  /** The first `limit` events after `sequence`, fewer if they come to 1 MiB, but at least one if there is one. */
  eventsAfter(jobId: string, sequence: number, limit: number): Promise<StoredEvent[]>;
  /** The number of the oldest event kept; 1 if there is none. */
  oldestSequence(jobId: string): Promise<number>;
  /** Forgets the events up to and including `sequence`. */
  compact(jobId: string, sequence: number): Promise<void>;
  /** Forgets a job, its events and its request. An unknown job is no error. */
  remove(jobId: string): Promise<void>;
}

/** Who may write what a job does, and until when unless it is renewed. */
export interface Lease {
  readonly owner: string;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

/** A server that holds leases. Its name differs from those of all other servers, earlier ones included. */
export interface LeaseOwner {
  readonly name: string;
  /** Whether another owner is known to have ended. */
  isGone(other: string): boolean;
}

/**
 * Leases of jobs. Each taking gives a higher token. Whatever is stored of a job names the token of its writer and is
 * refused if another has taken the lease since (fencing: "How to do distributed locking", Kleppmann, 2016). So a server
 * that was cut off or asleep while its lease ran out cannot write beside its successor.
 */
export interface LeaseStore {
  /**
   * Takes the lease of a job; of several that try at once, one gets it. Returns the new token; `undefined` if the job
   * is unknown or has ended, or if another owner's lease still runs and `isGone` does not know that owner as gone.
   */
  take(
    jobId: string,
    lease: Lease,
    now: { readonly nowMs: number; readonly isGone: (owner: string) => boolean },
  ): Promise<number | undefined>;
  /** Renews all leases of an owner. Returns the ids of the unfinished jobs that are still its own. */
  renew(lease: Lease): Promise<string[]>;
  /**
   * Gives up the lease of one job, or all leases of the owner: anyone may take them, and the starts of these jobs no
   * longer count as fruitless.
   */
  release(owner: string, jobId?: string): Promise<void>;
}
