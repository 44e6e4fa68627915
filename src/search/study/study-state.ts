import type { PredictorChoice } from '../fit/choose-predictor.js';
import type { FitQuality } from '../fit/fit-quality.js';
import type { EffectCurve } from '../../core/statistics/explain.js';
import type { Counts, SearchSpace } from '../../core/space/search-space.js';
import type { RangeChange } from '../refinement/propose-refinement.js';
import { rankScores } from '../objectives/rank-scores.js';
import { scoreMeasured, type PointScore } from '../objectives/score-point.js';
import { objectivesOf, type ControlName, type StudyPhase, type StudyPlan } from './study-plan.js';

/** Why a point was evaluated. */
export type TrialRole = 'pair' | 'finalist' | 'control' | 'dense' | 'winner';

/** Which windows it was evaluated on. */
export type TextPart = 'search' | 'verify' | 'report';

/** Which recipe ranks and mends it: one of those compared, by its place, or the paper's. */
export type RecipeChoice = number | 'paper';

/** How it is mended: as the recipe says, or on the pruned model's own stream. */
export type CompensationMode = 'one-shot' | 'stream';

/** A point to be evaluated. */
export interface TrialPoint {
  readonly counts: Counts;
  readonly role: TrialRole;
  readonly part: TextPart;
  readonly recipe: RecipeChoice;
  readonly compensation: CompensationMode;
  /** Which of the fidelities of its part, from 0. */
  readonly rung: number;
  /** Of role `control`. */
  readonly control?: ControlName;
  /** What the predictor said, in the metric's own unit; of role `finalist`. */
  readonly predicted?: number;
  /** Which factor of the curve, from 0; of a study that draws one. */
  readonly curvePoint?: number;
}

/** A point whose label is a pair. */
export function toPair(counts: Counts, recipe: RecipeChoice): TrialPoint {
  return { counts, role: 'pair', part: 'search', recipe, compensation: 'one-shot', rung: 0 };
}

/** A point with its measured value. */
export interface TrialResult extends TrialPoint {
  /** The objective's metric, in its own unit. */
  readonly value: number;
  /** All that was measured, in their own units; undefined where `value` is. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Tokens run for it; 0 when it was known already. */
  readonly tokensSpent: number;
  /** What the objective is the mean of, window by window, on the report windows: what the bootstrap draws from. */
  readonly losses?: { readonly losses: readonly number[]; readonly tokens: readonly number[] };
}

/** An architecture that a recipe's scores or errors name. */
export interface Allocation {
  readonly control: Extract<ControlName, 'global-threshold' | 'calibration-error'>;
  readonly counts: Counts;
}

/** What happened; plain values, stored in order. Replayed from the first, they reach the same state. */
export type StudyEvent =
  /** The units are ranked; what each compared recipe's scores and errors allocate, recipe by recipe. */
  | {
      readonly kind: 'scored';
      readonly tokensSpent?: number;
      readonly allocations?: readonly (readonly Allocation[])[];
    }
  | { readonly kind: 'drawn'; readonly points: readonly Counts[] }
  | { readonly kind: 'evaluated'; readonly trial: TrialResult }
  /** The predictor of the objective's metric and how it did (undefined where nothing tells), and those of further metrics by name. */
  | {
      readonly kind: 'fitted';
      readonly predictorId: string;
      readonly others?: Readonly<Record<string, string>>;
      readonly quality: FitQuality | undefined;
      readonly importances: readonly number[];
      readonly effects: readonly EffectCurve[];
      readonly choice?: PredictorChoice;
    }
  | { readonly kind: 'refined'; readonly changes: readonly RangeChange[] }
  | {
      readonly kind: 'predicted';
      readonly predicted: number;
      readonly outOfRange: number;
      readonly finalists: readonly { readonly counts: Counts; readonly predicted: number }[];
    }
  /** The study goes on with the phase that it has waited before. */
  | { readonly kind: 'resumed' }
  | { readonly kind: 'finished' };

/**
 * A stored event as this version has it: earlier versions stored the compensation of a trial as `mending`. The caller vouches
 * that the value was written as an event.
 */
export function readStudyEvent(stored: unknown): StudyEvent {
  const event = stored as StudyEvent;
  if (event.kind !== 'evaluated' || !('mending' in event.trial)) return event;
  const { mending, ...trial } = event.trial as TrialResult & { readonly mending: CompensationMode };
  return { kind: 'evaluated', trial: { ...trial, compensation: mending } };
}

/** A study at one moment. */
export interface StudyState {
  readonly phase: StudyPhase;
  /** 0 for the first sample and fit, then 1, 2, ... */
  readonly round: number;
  /** As it is now, refined. */
  readonly space: SearchSpace;
  /** The recipe of all pairs and finalists; the first until several are compared. */
  readonly recipe: number;
  readonly allocations: readonly (readonly Allocation[])[];
  /** Points drawn and not evaluated yet, in the order in which they are to be. */
  readonly waiting: readonly TrialPoint[];
  /** Those and the ones of the same batch that are evaluated already, in the order in which they were asked for. */
  readonly asked: readonly TrialPoint[];
  /** On the search windows, those of recipes that were not chosen included. */
  readonly pairs: readonly TrialResult[];
  /** Proposed at the points of a curve and not verified yet. */
  readonly proposed: readonly TrialPoint[];
  /** How many points of the curve were searched. */
  readonly curvePoints: number;
  /** On the verify windows, every rung and compensation. */
  readonly finalists: readonly TrialResult[];
  /** How finalists, controls and output are mended; the recipe's way until it is decided. */
  readonly compensation: CompensationMode;
  /** On the verify windows, those of control `random` on the search windows too. */
  readonly controls: readonly TrialResult[];
  /** On the report windows. */
  readonly reported: readonly TrialResult[];
  readonly fit: Extract<StudyEvent, { kind: 'fitted' }> | undefined;
  readonly refinements: readonly (readonly RangeChange[])[];
  /** Distinct candidates predicted so far. */
  readonly predicted: number;
  readonly outOfRange: number;
  readonly tokens: Readonly<Partial<Record<StudyPhase, number>>>;
  /** The phases, each with its round, that it has waited before and was told to go on with. */
  readonly resumed: readonly string[];
}

export function startStudy(plan: StudyPlan): StudyState {
  return {
    phase: 'score',
    round: 0,
    space: plan.space,
    recipe: 0,
    allocations: [],
    waiting: [],
    asked: [],
    pairs: [],
    proposed: [],
    curvePoints: 0,
    finalists: [],
    compensation: 'one-shot',
    controls: [],
    reported: [],
    fit: undefined,
    refinements: [],
    predicted: 0,
    outOfRange: 0,
    tokens: {},
    resumed: [],
  };
}

/** What decides between results. */
export type Judgement = Pick<StudyPlan, 'space' | 'metric' | 'objectives'>;

/** Results in order, the best first as `rankScores` has it; those whose value is not finite come last. */
export function sortByValue<Result extends Pick<TrialResult, 'counts' | 'value' | 'metrics'>>(
  plan: Judgement,
  results: readonly Result[],
): Result[] {
  return rankScores(results.map((result) => scoreTrial(plan, result))).flatMap((index) => results[index] ?? []);
}

/** What the objectives make of a result; lower is better. */
export function scoreTrial(
  plan: Judgement,
  { counts, value, metrics }: Pick<TrialResult, 'counts' | 'value' | 'metrics'>,
): PointScore {
  return scoreMeasured(objectivesOf(plan), plan.space, { counts, metrics: metrics ?? { [plan.metric.name]: value } });
}

/** The best of some results, the knee of a front; one whose value is not finite only where no other is. Throws RangeError of none. */
export function findBest(plan: Judgement, results: readonly TrialResult[]): TrialResult {
  const [best] = sortByValue(plan, results);
  if (best === undefined) throw new RangeError('there is no result to choose from');
  return best;
}

/** What a predictor can be fitted on: pairs of the study's recipe whose value is finite, as of a model that is not broken outright. */
export function listUsablePairs({ pairs, recipe }: Pick<StudyState, 'pairs' | 'recipe'>): TrialResult[] {
  return pairs.filter((trial) => trial.recipe === recipe && Number.isFinite(trial.value));
}

/** Finalists at the dearest fidelity, mended as the study decided: those that compare with each other. */
export function listFinal(
  plan: Pick<StudyPlan, 'verifyRungs'>,
  { finalists, compensation }: Pick<StudyState, 'finalists' | 'compensation'>,
): TrialResult[] {
  return finalists.filter((trial) => trial.rung === plan.verifyRungs - 1 && trial.compensation === compensation);
}
