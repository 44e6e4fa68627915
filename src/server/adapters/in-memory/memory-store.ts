import { keyText, type Label } from '../../../core/ports/label-store.js';
import type { Store, StoreRecord } from '../../../core/ports/store.js';
import { createMemoryJobs } from './memory-jobs.js';
import { createMemoryPredictors } from './memory-predictors.js';
import { createMemoryStudies } from './memory-studies.js';

/** A store that lives as long as its process: for tests, and for servers whose results need not be kept. */
export function createMemoryStore(): Store {
  const { jobs, leases, hold, append } = createMemoryJobs();
  const studies = createMemoryStudies((studyId) => void pairSets.delete(studyId));
  const predictors = createMemoryPredictors();
  const labels = new Map<string, Label>();
  const pairSets = new Map<string, readonly Uint8Array[]>();

  /** What could fail is found before anything is stored. */
  const check = (records: readonly StoreRecord[]): void => {
    const created = new Set<string>();
    for (const record of records) {
      const id =
        record.kind === 'study' ? record.study.id : record.kind === 'predictor' ? record.predictor.id : undefined;
      if (id === undefined) continue;
      if (created.has(id) || studies.has(id) || predictors.has(id))
        throw new Error(`there is a ${record.kind} ${id} already`);
      created.add(id);
    }
  };
  const insert = (record: StoreRecord): void => {
    switch (record.kind) {
      case 'label': {
        const known = labels.get(keyText(record.key));
        if (known === undefined || countMetrics(known) < countMetrics(record.label))
          labels.set(keyText(record.key), structuredClone(record.label));
        return;
      }
      case 'study':
        return studies.create(record);
      case 'study-step':
        return studies.record(record);
      case 'predictor':
        return predictors.create(record);
      case 'pair-set':
        pairSets.set(record.studyId, [...(pairSets.get(record.studyId) ?? []), Uint8Array.from(record.pairSet)]);
    }
  };

  return {
    jobs,
    leases,
    studies: studies.studies,
    predictors: predictors.predictors,
    labels: { getMany: async (keys) => keys.map((key) => structuredClone(labels.get(keyText(key)))) },
    pairSets: {
      ofStudy: async (studyId) => structuredClone([...(pairSets.get(studyId) ?? [])]),
      remove: async (studyId) => void pairSets.delete(studyId),
      sweep: async () => {
        for (const studyId of pairSets.keys()) if (!studies.has(studyId)) pairSets.delete(studyId);
      },
    },
    commit: async (job, records, timeMs) => {
      let last = hold(job);
      if (last === undefined) return undefined;
      check(records.filter((record) => record.kind !== 'event'));
      for (const record of records) {
        if (record.kind === 'event') last = append(job, record, timeMs) ?? last;
        else insert(record);
      }
      return last;
    },
    keep: async (records) => {
      check(records);
      records.forEach(insert);
    },
  };
}

function countMetrics({ metrics }: Label): number {
  return Object.keys(metrics).length;
}
