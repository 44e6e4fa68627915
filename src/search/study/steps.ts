import type { Budget } from '../../core/budget/budget.js';
import type { TrainingResult } from '../../core/ports/recovery.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';
import type { EffectCurve } from '../../core/statistics/explain.js';
import type { PredictorChoice } from '../fit/choose-predictor.js';
import type { FitQuality } from '../fit/fit-quality.js';
import type { RangeChange } from '../fit/propose-refinement.js';
import type { ControlName } from './plan.js';
import type { CompensationMode, TrialPoint, TrialResult } from './trial.js';

/** What a study does next. Each action is answered by one event, `evaluate` by one per point. */
export type StudyAction =
  /** Rank the units in every recipe; answered by `scored`. */
  | { readonly kind: 'score' }
  | DrawPairs
  /** Draw distinct random candidates for the control `random`; answered by `drawn`. */
  | { readonly kind: 'draw-candidates'; readonly count: number; readonly seed: string }
  /** Measure points; answered by `evaluated`, in any order. */
  | { readonly kind: 'evaluate'; readonly points: readonly TrialPoint[] }
  /** Fit a predictor on pairs whose value is finite; answered by `fitted`. */
  | { readonly kind: 'fit'; readonly pairs: readonly TrialResult[] }
  /** Propose new ranges from the newest fit, such that the budgets can still be met; answered by `refined`. */
  | { readonly kind: 'refine'; readonly space: SearchSpace }
  | Predict
  /** Train the winner if the plan says so, and write it if the study has an output; answered by `exported`. */
  | { readonly kind: 'export' }
  /** Write the report; answered by `finished`. */
  | { readonly kind: 'finish' }
  /** Wait until the study is resumed; answered by `resumed`, or before `refine` by `refined`. */
  | { readonly kind: 'pause' }
  /** Nothing: the study is over. */
  | { readonly kind: 'none' };

/** Draw distinct pairs that are not among `taken`; answered by `drawn`. */
export interface DrawPairs {
  readonly kind: 'draw';
  readonly space: SearchSpace;
  readonly count: number;
  /** Of these, how many with tied layers. */
  readonly tied: number;
  /** Of these, how many with a random part of the dimensions unpruned. */
  readonly sparse: number;
  /** Of these, how many around `centre`. */
  readonly near: number;
  readonly centre: Counts | undefined;
  readonly taken: readonly Counts[];
  readonly seed: string;
}

/**
 * Have the strategy ask the newest predictor, and choose finalists among points that were not finalists before;
 * answered by `predicted`.
 */
export interface Predict {
  readonly kind: 'predict';
  readonly space: SearchSpace;
  /** The study's, or those at a point of the curve. */
  readonly budgets: readonly Budget[];
  readonly candidates: number;
  readonly finalists: number;
  readonly evaluated: readonly TrialResult[];
  /** The finalists so far. */
  readonly verified: readonly Counts[];
  readonly seed: string;
}

/** What happened: plain values, stored in order. Replayed from the first one they reach the same state. */
export type StudyEvent =
  /** The units are ranked. `allocations` has what the scores and errors of each compared recipe allocate. */
  | {
      readonly kind: 'scored';
      readonly tokensSpent?: number;
      readonly allocations?: readonly (readonly Allocation[])[];
    }
  | { readonly kind: 'drawn'; readonly points: readonly Counts[] }
  | { readonly kind: 'evaluated'; readonly trial: TrialResult }
  | Fitted
  | { readonly kind: 'refined'; readonly changes: readonly RangeChange[] }
  | Predicted
  | Exported
  /** The study continues with the phase before which it paused. */
  | { readonly kind: 'resumed' }
  | { readonly kind: 'finished' };

/** An architecture that a recipe's scores or errors name. */
export interface Allocation {
  readonly control: AllocatedControl;
  readonly counts: Counts;
}

/** The controls that a recipe's scores and errors allocate. */
export const ALLOCATED_CONTROLS = ['global-threshold', 'calibration-error'] as const satisfies readonly ControlName[];
export type AllocatedControl = (typeof ALLOCATED_CONTROLS)[number];

/** The predictors are fitted: that of the plan's metric, and those of further metrics by name. */
export interface Fitted {
  readonly kind: 'fitted';
  readonly predictorId: string;
  readonly others?: Readonly<Record<string, string>>;
  /** How well the predictor of the plan's metric does; undefined if there is nothing to judge it on. */
  readonly quality: FitQuality | undefined;
  readonly importances: readonly number[];
  readonly effects: readonly EffectCurve[];
  readonly choice?: PredictorChoice;
}

/** The winner is finished. */
export interface Exported {
  readonly kind: 'exported';
  /** The folder that it is written to; empty if it is not written. */
  readonly output: string;
  /** What its recovery came to, if it has one. */
  readonly recovery?: TrainingResult;
  /** What was written where if the output has several forms. */
  readonly exports?: readonly ExportedForm[];
}

/** One of several forms of a written winner. */
export interface ExportedForm {
  /** Its folder, as requests name it. */
  readonly output: string;
  readonly exporter: string;
  readonly files: readonly string[];
  readonly bytes: number;
  /** In the form of its manifest. */
  readonly costs: readonly Readonly<Record<string, unknown>>[];
  readonly loadsIn: readonly string[];
}

export interface Predicted {
  readonly kind: 'predicted';
  /** Distinct candidates. */
  readonly predicted: number;
  /** Those of them outside the rates of the pairs that the predictor was fitted on. */
  readonly outOfRange: number;
  readonly finalists: readonly { readonly counts: Counts; readonly predicted: number }[];
}

/**
 * A stored event in the form of this version: earlier versions stored the compensation of a trial as `mending`. The
 * caller vouches that the value was stored as an event.
 */
export function readStudyEvent(stored: unknown): StudyEvent {
  const event = stored as StudyEvent;
  if (event.kind !== 'evaluated' || !('mending' in event.trial)) return event;
  const { mending, ...trial } = event.trial as TrialResult & { readonly mending: CompensationMode };
  return { kind: 'evaluated', trial: { ...trial, compensation: mending } };
}
