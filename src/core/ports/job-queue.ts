/**
 * What a job mainly waits for: the thread and memory of a model (`model`), or only processors (`fit`). Each lane has
 * slots of its own, so that a fit of seconds does not wait for a search of hours.
 */
export type Lane = 'model' | 'fit';

/** A job that waits. */
export interface WaitingJob {
  readonly jobId: string;
  readonly lane: Lane;
}

/**
 * Which jobs have a slot and run, and which wait, in order; and work that is no job but takes a slot meanwhile ("a
 * turn"). Only the runner of jobs calls it.
 *
 * A queue knows jobs by their ids and holds nothing that outlives it: what a job is and where it stands is in the
 * store, and a server that starts puts its unfinished jobs in again. Each call is atomic, so that a job is in the queue
 * once and no more slots are given away than there are.
 */
export interface JobQueue {
  /**
   * Lets a new job in: it takes a slot of its lane if one is free and no other job of the lane waits, otherwise it waits
   * at the end. Returns 0 if it has a slot, otherwise its place in the lane from 1. Throws OVERLOADED if as many jobs
   * wait as may, of all lanes together.
   */
  admit(jobId: string, lane: Lane): Promise<number>;
  /** Puts a job that was let in before at the end, however many wait. Returns its place in the lane from 1. */
  append(jobId: string, lane: Lane): Promise<number>;
  /**
   * Gives the free slots of each lane to the jobs of that lane that wait longest, and returns all of these in order; none
   * if no slot is free, or no job waits for one.
   */
  claim(): Promise<readonly string[]>;
  /** Takes the slots of jobs that `claim` returned back, and puts the jobs at the front again, in this order. */
  putBack(jobIds: readonly string[]): Promise<void>;
  /** The jobs that wait, in order. */
  waiting(): Promise<readonly WaitingJob[]>;
  /** Takes a job out, whether it waits or has a slot. An unknown job is no error. */
  remove(jobId: string): Promise<void>;
  /**
   * Waits for a slot of the lane `model` for work that is no job: it gets the next free one, before any job that waits. Resolves when it
   * has it. Throws OVERLOADED if no slot is free and as many turns wait as may, or the signal's reason, which also
   * gives up the place.
   */
  takeTurn(turnId: string, signal: AbortSignal): Promise<void>;
  /** Gives the slot of a turn back. */
  endTurn(turnId: string): Promise<void>;
}
