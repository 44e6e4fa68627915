import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { readStored } from '../../core/errors/read-stored.js';
import type { Page, PageQuery } from '../../core/ports/pages.js';
import type { StoreRecord } from '../../core/ports/store.js';
import type {
  StudyEntry as StoredEntry,
  StudyEventRecord,
  StudyRecord as StoredStudy,
  StudyStore,
  TrialRecord,
} from '../../core/ports/study-store.js';
import type { JobState } from '../../gen/prunecast/v1/job.js';
import { Trial, type TrialRole } from '../../gen/prunecast/v1/study_types.js';
import { encodeState, nameState } from './job-records.js';

export interface StudyRecord extends Omit<StoredStudy, 'state'> {
  readonly state: JobState;
}

export interface StudyEntry extends Omit<StoredEntry, 'state'> {
  readonly state: JobState;
}

/** What one step of a study leaves behind; as `StudyStepRecord`, with messages of the API. */
export interface StudyStep {
  readonly events?: readonly unknown[];
  readonly seconds?: number;
  readonly trials?: readonly Trial[];
  readonly progress?: unknown;
  readonly report?: unknown;
  readonly state?: JobState;
}

export interface TrialQuery extends PageQuery {
  /** `undefined` for all. */
  readonly role?: TrialRole | undefined;
}

/** The studies of a store, as messages of the API. */
export interface StudyRecords {
  /** `undefined` if there is none. */
  find(studyId: string): Promise<StudyRecord | undefined>;
  /** Throws STUDY_NOT_FOUND. */
  get(studyId: string): Promise<StudyRecord>;
  /** All events so far, in order. */
  events(studyId: string): Promise<StudyEventRecord[]>;
  /** All trials of a role (of all roles if omitted), in the order of their numbers. */
  trials(studyId: string, role?: TrialRole): Promise<Trial[]>;
  listTrials(studyId: string, query: TrialQuery): Promise<Page<Trial>>;
  countTrials(studyId: string): Promise<number>;
  list(query: PageQuery): Promise<Page<StudyEntry>>;
  /** Forgets a study with its events, trials and pairs. Throws STUDY_NOT_FOUND. */
  remove(studyId: string): Promise<void>;
}

export function openStudyRecords(studies: StudyStore): StudyRecords {
  const find = async (studyId: string): Promise<StudyRecord | undefined> => {
    const study = await studies.find(studyId);
    return study && { ...study, state: encodeState(study.state) };
  };
  return {
    find,
    get: async (studyId) => {
      const study = await find(studyId);
      if (!study) throw studyNotFound(studyId);
      return study;
    },
    events: (studyId) => studies.events(studyId),
    trials: async (studyId, role) =>
      // 0 is no role.
      (await studies.trials(studyId, role || undefined)).map((trial) => readTrial(studyId, trial)),
    listTrials: async (studyId, { role, ...query }) => {
      const { values, nextPageToken } = await studies.listTrials(studyId, { ...query, role: role || undefined });
      return { values: values.map((trial) => readTrial(studyId, trial)), nextPageToken };
    },
    countTrials: (studyId) => studies.countTrials(studyId),
    list: async (query) => {
      const { values, nextPageToken } = await studies.list(query);
      return { values: values.map((entry) => ({ ...entry, state: encodeState(entry.state) })), nextPageToken };
    },
    remove: async (studyId) => {
      if (!(await studies.remove(studyId))) throw studyNotFound(studyId);
    },
  };
}

function studyNotFound(studyId: string): PrunecastError {
  return new PrunecastError('STUDY_NOT_FOUND', `no study has the id "${studyId}"`, { metadata: { study_id: studyId } });
}

/** A new study, to be stored. */
export function newStudy(study: StudyRecord): StoreRecord {
  return { kind: 'study', study: { ...study, state: nameState(study.state) } };
}

/** A step of a study, to be stored. */
export function studyStep(studyId: string, { trials = [], state, ...step }: StudyStep): StoreRecord {
  return {
    kind: 'study-step',
    studyId,
    ...step,
    trials: trials.map((trial) => ({
      number: trial.number,
      role: trial.role,
      trial: Trial.encode(trial).finish(),
    })),
    ...(state === undefined ? {} : { state: nameState(state) }),
  };
}

function readTrial(studyId: string, { trial }: TrialRecord): Trial {
  return readStored(`a trial of ${studyId}`, () => Trial.decode(trial));
}
