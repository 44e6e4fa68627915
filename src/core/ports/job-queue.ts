/**
 * What a job mainly waits for: the thread and memory of a model (`model`), or only processors (`fit`). Each lane has
 * slots of its own, so that a fit of seconds does not wait for a search of hours.
 */
export type Lane = 'model' | 'fit';

/** A job as a queue knows it. */
export interface QueuedJob {
  readonly jobId: string;
  readonly lane: Lane;
  /** The kind of work, by name: `SEARCH`. */
  readonly kind: string;
  /** Who asked for it. */
  readonly caller: string;
  /** Of its request. */
  readonly bytes: number;
}

/** Work of a caller that is no job, but takes a slot. */
export interface Turn {
  readonly turnId: string;
  readonly caller: string;
}

/**
 * Which jobs have a slot and run, and which wait, in order; and work that is no job but takes a slot meanwhile ("a
 * turn"). Only the runner of jobs calls it.
 *
 * Callers take turns: of those who have jobs wait in a lane, each gets a slot before one of them gets a second one. The
 * jobs of one caller keep their order.
 *
 * A queue knows jobs by their ids and holds nothing that outlives it: what a job is and where it stands is in the
 * store, and a server that starts puts its unfinished jobs in again. Each call is atomic, so that a job is in the queue
 * once and no more slots are given away than there are.
 */
export interface JobQueue {
  /**
   * Lets a new job in: it takes a slot of its lane if one is free and no other job of the lane waits, otherwise it
   * waits. Returns 0 if it has a slot, otherwise its place in the lane from 1. Throws OVERLOADED, with a time to come
   * back after and the limit, if as many jobs wait as may: of all lanes together, of its kind, or of its caller; or if
   * their requests take as many bytes as they may.
   */
  admit(job: QueuedJob): Promise<number>;
  /** Has a job wait that was let in before, however many wait. Returns its place in the lane from 1. */
  append(job: QueuedJob): Promise<number>;
  /**
   * Gives the free slots of each lane to the jobs of that lane that are next, and returns all of these in order; none
   * if no slot is free, or no job waits for one.
   */
  claim(): Promise<readonly string[]>;
  /** Takes the slots of jobs that `claim` returned back, and puts the jobs where they were in the line. */
  putBack(jobIds: readonly string[]): Promise<void>;
  /** The jobs that wait, those of each lane in order. */
  waiting(): Promise<readonly QueuedJob[]>;
  /** Takes a job out, whether it waits or has a slot. An unknown job is no error. */
  remove(jobId: string): Promise<void>;
  /**
   * Waits for a slot of the lane `model` for work that is no job: it gets the next free one, before any job that waits;
   * callers take turns here too. Resolves when it has it. Throws OVERLOADED if no slot is free and as many turns wait as
   * may, or the signal's reason, which also gives up the place.
   */
  takeTurn(turn: Turn, signal: AbortSignal): Promise<void>;
  /** Gives the slot of a turn back. */
  endTurn(turnId: string): Promise<void>;
}
