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
   * Lets a new job in: it takes a slot if one is free and no other job waits, otherwise it waits at the end. Returns 0
   * if it has a slot, otherwise its place from 1. Throws OVERLOADED if as many wait as may.
   */
  admit(jobId: string): Promise<number>;
  /** Puts a job that was let in before at the end, however many wait. Returns its place from 1. */
  append(jobId: string): Promise<number>;
  /**
   * Gives free slots to the jobs that wait longest, and returns these in order; none if no slot is free, or no job
   * waits.
   */
  claim(): Promise<readonly string[]>;
  /** Takes the slots of jobs that `claim` returned back, and puts the jobs at the front again, in this order. */
  putBack(jobIds: readonly string[]): Promise<void>;
  /** The jobs that wait, in order. */
  waiting(): Promise<readonly string[]>;
  /** Takes a job out, whether it waits or has a slot. An unknown job is no error. */
  remove(jobId: string): Promise<void>;
  /**
   * Waits for a slot for work that is no job: it gets the next free one, before any job that waits. Resolves when it
   * has it. Throws OVERLOADED if no slot is free and as many turns wait as may, or the signal's reason, which also
   * gives up the place.
   */
  takeTurn(turnId: string, signal: AbortSignal): Promise<void>;
  /** Gives the slot of a turn back. */
  endTurn(turnId: string): Promise<void>;
}
