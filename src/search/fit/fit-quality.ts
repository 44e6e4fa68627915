/** How well a predictor does on pairs it was not fitted on; errors are in the unit of the fit. */
export interface FitQuality {
  /** How it was split: `holdout 7:3`, `5-fold`; `unseen` for pairs that a predictor fitted elsewhere has not seen. */
  readonly split: string;
  /** Pairs of a fit; 0 for a predictor fitted elsewhere. */
  readonly fitted: number;
  readonly heldOut: number;
  /** Kendall's tau-b; NaN where the labels or the predictions do not differ. */
  readonly kendallTau: number;
  readonly spearman: number;
  readonly r2: number;
  readonly mae: number;
  readonly rmse: number;
  /** Share of the truly best 10 among the predicted best 10. */
  readonly top10Recall: number;
  readonly regretAt1: number;
  readonly regretAt10: number;
}
