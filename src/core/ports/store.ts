import type { EventRecord, HeldJob, JobStore, LeaseStore } from './job-store.js';
import type { LabelRecord, LabelStore } from './label-store.js';
import type { PairSetRecord, PairSetStore } from './pair-set-store.js';
import type { PredictorRecord, PredictorStore } from './predictor-store.js';
import type { NewStudyRecord, StudyStepRecord, StudyStore } from './study-store.js';

/** Something to be stored that is no event of a job. */
export type StoreRecord = LabelRecord | NewStudyRecord | StudyStepRecord | PredictorRecord | PairSetRecord;

/**
 * All that a server keeps of jobs, labels, studies, predictors and pairs. Several servers may share one.
 *
 * Values go in and come out; a store keeps no reference to what it was given. What one call stores is there whole or
 * not at all, however the server ends, and every later call of any server sees it. Any call may throw STORAGE_FULL
 * (nothing was stored; the same may be stored later) or STATE_UNAVAILABLE, and one that reads STATE_DAMAGED.
 */
export interface Store {
  readonly jobs: JobStore;
  readonly leases: LeaseStore;
  readonly labels: LabelStore;
  readonly studies: StudyStore;
  readonly predictors: PredictorStore;
  readonly pairSets: PairSetStore;
  /**
   * Stores events of one job and what belongs with them, in order, all or none. Only the runner of the job may call it.
   * Returns the number of the job's newest event, or `undefined` if the job is unknown or has ended, or another has
   * taken its lease: nothing is stored then.
   */
  commit(job: HeldJob, records: readonly (EventRecord | StoreRecord)[], timeMs: number): Promise<number | undefined>;
  /** Stores what belongs to no job, in order, all or none. */
  keep(records: readonly StoreRecord[]): Promise<void>;
}
