import { readStored } from '../../core/errors/read-stored.js';
import type { Page, PageQuery } from '../../core/ports/pages.js';
import type { FitEvidence, PredictorStore, StoredPredictor } from '../../core/ports/predictor-store.js';
import type { StoreRecord } from '../../core/ports/store.js';
import { Predictor } from '../../gen/prunecast/v1/predictor_types.js';

/** A fitted predictor: what callers see of it, and what its backend saved. */
export interface FittedRecord {
  readonly predictor: Predictor;
  readonly model: Uint8Array;
}

/** The predictors of a store, as messages of the API. */
export interface PredictorRecords {
  /** Throws PREDICTOR_NOT_FOUND. */
  get(predictorId: string): Promise<FittedRecord>;
  /** A page, newest first. */
  list(query: PageQuery & { readonly studyId?: string | undefined }): Promise<Page<Predictor>>;
  /** `undefined` if the predictor was stored without. */
  evidence(predictorId: string): Promise<FitEvidence | undefined>;
  /** The ids of a study's predictors, newest last. */
  idsOfStudy(studyId: string): Promise<string[]>;
  /** Throws PREDICTOR_NOT_FOUND. */
  remove(predictorId: string): Promise<void>;
}

export function openPredictorRecords(predictors: PredictorStore): PredictorRecords {
  return {
    get: async (predictorId) => {
      const stored = await predictors.get(predictorId);
      return { predictor: readPredictor(stored), model: stored.model };
    },
    list: async (query) => {
      const { values, nextPageToken } = await predictors.list(query);
      return { values: values.map(readPredictor), nextPageToken };
    },
    evidence: (predictorId) => predictors.evidence(predictorId),
    idsOfStudy: (studyId) => predictors.idsOfStudy(studyId),
    remove: (predictorId) => predictors.remove(predictorId),
  };
}

/** A fitted predictor, to be stored. */
export function newPredictor({ predictor, model }: FittedRecord, evidence?: FitEvidence): StoreRecord {
  return {
    kind: 'predictor',
    predictor: {
      id: predictor.id,
      studyId: predictor.studyId,
      backend: predictor.backend,
      createdMs: Number(predictor.createTime?.seconds ?? 0n) * 1000,
      description: Predictor.encode(predictor).finish(),
      model,
    },
    evidence,
  };
}

function readPredictor({ id, description }: Pick<StoredPredictor, 'id' | 'description'>): Predictor {
  return readStored(`the predictor ${id}`, () => Predictor.decode(description));
}
