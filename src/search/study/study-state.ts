import type { PredictorChoice } from '../fit/choose-predictor.js';
import type { FitQuality } from '../fit/fit-quality.js';
import type { EffectCurve } from '../../core/statistics/explain.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';
import type { RangeChange } from '../refinement/propose-refinement.js';
import type { StudyPhase, StudyPlan } from './study-plan.js';

/** Why a point was evaluated. */
export type TrialRole = 'pair' | 'finalist' | 'control' | 'dense' | 'winner';

/** Which windows it was evaluated on. */
export type TextPart = 'search' | 'verify' | 'report';

/** The controls' names, in the order in which reports have them; `uniform-best` has one candidate a key-value count until the best is known. */
export const CONTROL_NAMES = ['uniform-paper', 'uniform-best'] as const;
export type ControlName = (typeof CONTROL_NAMES)[number];

/** A point to be evaluated. */
export interface TrialPoint {
  readonly counts: Counts;
  readonly role: TrialRole;
  readonly part: TextPart;
  /** Of role `control`. */
  readonly control?: ControlName;
  /** What the predictor said, in the metric's own unit; of role `finalist`. */
  readonly predicted?: number;
}

/** A point with its measured value. */
export interface TrialResult extends TrialPoint {
  /** The objective, in the metric's own unit. */
  readonly value: number;
  /** Tokens run for it; 0 when it was known already. */
  readonly tokensSpent: number;
  /** The loss of each window, on the report windows: what the bootstrap draws from. */
  readonly losses?: { readonly losses: readonly number[]; readonly tokens: readonly number[] };
}

/** What happened; plain values, stored in order. Replayed from the first, they reach the same state. */
export type StudyEvent =
  /** The units are ranked. */
  | { readonly kind: 'scored'; readonly tokensSpent?: number }
  | { readonly kind: 'drawn'; readonly points: readonly Counts[] }
  | { readonly kind: 'evaluated'; readonly trial: TrialResult }
  | { readonly kind: 'fitted'; readonly predictorId: string; readonly quality: FitQuality; readonly importances: readonly number[]; readonly effects: readonly EffectCurve[]; readonly choice?: PredictorChoice }
  | { readonly kind: 'refined'; readonly changes: readonly RangeChange[] }
  | { readonly kind: 'predicted'; readonly predicted: number; readonly outOfRange: number; readonly finalists: readonly { readonly counts: Counts; readonly predicted: number }[] }
  | { readonly kind: 'finished' };

/** A study at one moment. */
export interface StudyState {
  readonly phase: StudyPhase;
  /** 0 for the first sample and fit, then 1, 2, ... */
  readonly round: number;
  /** As it is now, refined. */
  readonly space: SearchSpace;
  /** Points drawn and not evaluated yet, in the order in which they are to be. */
  readonly waiting: readonly TrialPoint[];
  /** Those and the ones of the same batch that are evaluated already, in the order in which they were asked for. */
  readonly asked: readonly TrialPoint[];
  readonly pairs: readonly TrialResult[];
  readonly finalists: readonly TrialResult[];
  /** On the verify windows. */
  readonly controls: readonly TrialResult[];
  /** On the report windows. */
  readonly reported: readonly TrialResult[];
  readonly fit: Extract<StudyEvent, { kind: 'fitted' }> | undefined;
  readonly refinements: readonly (readonly RangeChange[])[];
  /** Distinct candidates predicted so far. */
  readonly predicted: number;
  readonly outOfRange: number;
  readonly tokens: Readonly<Partial<Record<StudyPhase, number>>>;
}

export function startStudy(plan: StudyPlan): StudyState {
  return {
    phase: 'score',
    round: 0,
    space: plan.space,
    waiting: [],
    asked: [],
    pairs: [],
    finalists: [],
    controls: [],
    reported: [],
    fit: undefined,
    refinements: [],
    predicted: 0,
    outOfRange: 0,
    tokens: {},
  };
}

/** The best of some results; one whose value is not finite only where no other is. Throws RangeError of none. */
export function findBest(plan: Pick<StudyPlan, 'objective'>, results: readonly TrialResult[]): TrialResult {
  const [first] = results;
  if (first === undefined) throw new RangeError('there is no result to choose from');
  const sign = plan.objective.better === 'lower' ? 1 : -1;
  const rank = ({ value }: TrialResult): number => (Number.isFinite(value) ? sign * value : Number.POSITIVE_INFINITY);
  return results.reduce((best, result) => (rank(result) < rank(best) ? result : best), first);
}

/** Whether a predictor can be fitted on a trial: a pair whose value is finite, as of a model that is not broken outright. */
export function isUsablePair({ role, value }: TrialResult): boolean {
  return role === 'pair' && Number.isFinite(value);
}
