import type {
  NewStudyRecord,
  StudyEntry,
  StudyEventRecord,
  StudyRecord,
  StudyStepRecord,
  StudyStore,
  TrialRecord,
} from '../../../core/ports/study-store.js';
import { readPageToken, takePage } from '../pages.js';

export interface MemoryStudies {
  readonly studies: StudyStore;
  has(studyId: string): boolean;
  create(record: NewStudyRecord): void;
  record(step: StudyStepRecord): void;
}

interface StudyState {
  readonly number: number;
  study: StudyRecord;
  events: readonly StudyEventRecord[];
  /** By their numbers, ascending. */
  trials: readonly TrialRecord[];
}

/** @param removed is called for each study that is removed */
export function createMemoryStudies(removed: (studyId: string) => void): MemoryStudies {
  const entries = new Map<string, StudyState>();
  let created = 0;
  const trialsOf = (studyId: string, role: number | undefined): readonly TrialRecord[] =>
    (entries.get(studyId)?.trials ?? []).filter((trial) => (role ?? trial.role) === trial.role);
  return {
    has: (studyId) => entries.has(studyId),
    create: ({ study }) => {
      created += 1;
      entries.set(study.id, { number: created, study: structuredClone(study), events: [], trials: [] });
    },
    record: ({ kind: _kind, studyId, events = [], seconds = 0, trials = [], ...changes }) => {
      const entry = entries.get(studyId);
      if (entry === undefined) return;
      const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
      entry.study = { ...entry.study, ...structuredClone(given) };
      entry.events = [
        ...entry.events,
        ...events.map((event, index) => ({ event: structuredClone(event), seconds: index === 0 ? seconds : 0 })),
      ];
      const replaced = new Set(trials.map(({ number }) => number));
      entry.trials = [...entry.trials.filter(({ number }) => !replaced.has(number)), ...structuredClone(trials)].sort(
        (a, b) => a.number - b.number,
      );
    },
    studies: {
      find: async (studyId) => structuredClone(entries.get(studyId)?.study),
      events: async (studyId) => structuredClone([...(entries.get(studyId)?.events ?? [])]),
      trials: async (studyId, role) => structuredClone([...trialsOf(studyId, role)]),
      listTrials: async (studyId, { role, pageSize, pageToken }) => {
        const after = readPageToken(pageToken) ?? -Infinity;
        const rows = trialsOf(studyId, role).filter(({ number }) => number > after);
        return takePage(rows.slice(0, pageSize + 1), pageSize, {
          key: ({ number }) => number,
          bytes: ({ trial }) => trial.length,
          value: (trial) => structuredClone(trial),
        });
      },
      countTrials: async (studyId) => trialsOf(studyId, undefined).length,
      list: async ({ pageSize, pageToken }) => {
        const before = readPageToken(pageToken) ?? Infinity;
        const rows = [...entries.values()].reverse().filter(({ number }) => number < before);
        return takePage(rows.slice(0, pageSize + 1), pageSize, {
          key: ({ number }) => number,
          bytes: ({ study }) => 300 + Buffer.byteLength(study.model),
          value: toListed,
        });
      },
      remove: async (studyId) => {
        removed(studyId);
        return entries.delete(studyId);
      },
    },
  };
}

function toListed({
  study: { id, jobId, model, checkpointDigest, seed, state, createdMs },
  trials,
}: StudyState): StudyEntry {
  return { id, jobId, model, checkpointDigest, seed, state, createdMs, trials: trials.length };
}
