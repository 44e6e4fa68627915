import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { PredictorRecord, PredictorStore } from '../../../core/ports/predictor-store.js';
import { readPageToken, takePage } from '../pages.js';

export interface MemoryPredictors {
  readonly predictors: PredictorStore;
  has(predictorId: string): boolean;
  create(record: PredictorRecord): void;
}

export function createMemoryPredictors(): MemoryPredictors {
  /** By id, oldest first. */
  const entries = new Map<string, PredictorRecord & { readonly number: number }>();
  let created = 0;
  const find = (predictorId: string): PredictorRecord => {
    const entry = entries.get(predictorId);
    if (entry === undefined)
      throw new PrunecastError('PREDICTOR_NOT_FOUND', `no predictor has the id "${predictorId}"`, {
        metadata: { predictor_id: predictorId },
      });
    return entry;
  };
  return {
    has: (predictorId) => entries.has(predictorId),
    create: (record) => {
      created += 1;
      entries.set(record.predictor.id, { ...structuredClone(record), number: created });
    },
    predictors: {
      get: async (predictorId) => structuredClone(find(predictorId).predictor),
      list: async ({ studyId, pageSize, pageToken }) => {
        const before = readPageToken(pageToken) ?? Infinity;
        const rows = [...entries.values()]
          .reverse()
          .filter(({ number, predictor }) => number < before && (studyId || predictor.studyId) === predictor.studyId);
        return takePage(rows.slice(0, pageSize + 1), pageSize, {
          key: ({ number }) => number,
          bytes: ({ predictor }) => predictor.description.length,
          value: ({ predictor: { id, studyId, backend, createdMs, description } }) =>
            structuredClone({ id, studyId, backend, createdMs, description }),
        });
      },
      evidence: async (predictorId) => structuredClone(entries.get(predictorId)?.evidence),
      idsOfStudy: async (studyId) =>
        [...entries.values()].flatMap(({ predictor }) => (predictor.studyId === studyId ? [predictor.id] : [])),
      remove: async (predictorId) => {
        find(predictorId);
        entries.delete(predictorId);
      },
    },
  };
}
