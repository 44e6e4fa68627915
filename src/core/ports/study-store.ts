import type { JobState } from './job-store.js';
import type { Page, PageQuery } from './pages.js';

/**
 * A study. `plan`, `progress` and `report` are plain values: null, booleans, texts, numbers (NaN and the infinities
 * too), and arrays and records of these.
 */
export interface StudyRecord {
  readonly id: string;
  /** Empty for a study of imported pairs. */
  readonly jobId: string;
  readonly model: string;
  readonly checkpointDigest: string;
  /** A safe integer. */
  readonly seed: number;
  /** The request as it came; empty for a study of imported pairs. */
  readonly request: Uint8Array;
  /** What the request resolved to: written once, with the study. `undefined` for a study of an earlier version. */
  readonly plan: unknown;
  /** Where the study stands; null for a study that does not move. */
  readonly progress: unknown;
  /** `undefined` until there is one. */
  readonly report: unknown;
  readonly state: JobState;
  readonly createdMs: number;
}

/** A new study to be stored; its id must be new. */
export interface NewStudyRecord {
  readonly kind: 'study';
  readonly study: StudyRecord;
}

/** What one step of a study leaves behind. The study must be there. */
export interface StudyStepRecord {
  readonly kind: 'study-step';
  readonly studyId: string;
  /** Plain values, in which NaN and the infinities are allowed too; they get the next numbers, in order. */
  readonly events?: readonly unknown[];
  /** How long the step took; kept with its first event. */
  readonly seconds?: number;
  /** A trial replaces the one that has its number. */
  readonly trials?: readonly TrialRecord[];
  /** Replaces the progress. */
  readonly progress?: unknown;
  readonly report?: unknown;
  readonly state?: JobState;
}

export interface TrialRecord {
  /** Unique in its study. */
  readonly number: number;
  /** The caller's number of a role; a store only compares it. */
  readonly role: number;
  /** As the caller encoded it. */
  readonly trial: Uint8Array;
}

/** An event of a study, and how long the step took that ended with it. */
export interface StudyEventRecord {
  readonly event: unknown;
  readonly seconds: number;
}

/** A study in a list. */
export type StudyEntry = Omit<StudyRecord, 'request' | 'plan' | 'progress' | 'report'> & { readonly trials: number };

/** Studies with their events and trials. */
export interface StudyStore {
  /** `undefined` if there is none. Throws STATE_DAMAGED. */
  find(studyId: string): Promise<StudyRecord | undefined>;
  /** All events so far, in order; none for an unknown study. Throws STATE_DAMAGED. */
  events(studyId: string): Promise<StudyEventRecord[]>;
  /** All trials of a role (of all roles if omitted), in the order of their numbers. */
  trials(studyId: string, role?: number): Promise<TrialRecord[]>;
  /** A page of them. Throws INVALID_REQUEST for a page token that no page gave. */
  listTrials(studyId: string, query: PageQuery & { readonly role?: number | undefined }): Promise<Page<TrialRecord>>;
  countTrials(studyId: string): Promise<number>;
  /** A page of studies, newest first. Throws INVALID_REQUEST for a page token that no page gave. */
  list(query: PageQuery): Promise<Page<StudyEntry>>;
  /**
   * Forgets a study, its events, trials and sets of pairs, all or none. Predictors and labels stay. Returns whether
   * there was one. The caller has made sure that no job works on it.
   */
  remove(studyId: string): Promise<boolean>;
}
