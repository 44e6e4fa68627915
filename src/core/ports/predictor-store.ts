import type { Page, PageQuery } from './pages.js';

/** A fitted predictor: what callers see of it, and what its backend saved. */
export interface StoredPredictor {
  readonly id: string;
  /** Empty for none. */
  readonly studyId: string;
  /** The plug-in that fitted it. */
  readonly backend: string;
  readonly createdMs: number;
  /** What callers see, as the caller encoded it. */
  readonly description: Uint8Array;
  readonly model: Uint8Array;
}

/** What a predictor was fitted on, and what was found then that later questions need. */
export interface FitEvidence {
  /** [pairs, dimensions], row-major. */
  readonly rates: Float32Array;
  /** One per pair, on the scale of the fit. */
  readonly targets: Float64Array;
  /** How much the hold-out error rises when a dimension's column is shuffled, one per dimension. */
  readonly importances: Float64Array;
  /** Label minus prediction of pairs that it was not fitted on, on the scale of the fit; empty if there were none. */
  readonly residuals: Float64Array;
}

/** A predictor to be stored; its id must be new. One without evidence cannot be explained. */
export interface PredictorRecord {
  readonly kind: 'predictor';
  readonly predictor: StoredPredictor;
  readonly evidence?: FitEvidence | undefined;
}

/** Fitted predictors. */
export interface PredictorStore {
  /** Throws PREDICTOR_NOT_FOUND. */
  get(predictorId: string): Promise<StoredPredictor>;
  /**
   * A page, newest first, without models; of one study if `studyId` is given and not empty. Throws INVALID_REQUEST for
   * a page token that no page gave.
   */
  list(query: PageQuery & { readonly studyId?: string | undefined }): Promise<Page<Omit<StoredPredictor, 'model'>>>;
  /** `undefined` if the predictor is unknown or was stored without. Throws STATE_DAMAGED. */
  evidence(predictorId: string): Promise<FitEvidence | undefined>;
  /** The ids of a study's predictors, newest last. */
  idsOfStudy(studyId: string): Promise<string[]>;
  /** Removes a predictor and its evidence. Throws PREDICTOR_NOT_FOUND. */
  remove(predictorId: string): Promise<void>;
}
