import type { Budget } from '../../core/budget/budget.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import type { RefinementOptions } from '../refinement/propose-refinement.js';

/** The phases of a study, in order; from `refine` to `verify` once a round. */
export const STUDY_PHASES = ['score', 'sample', 'fit', 'refine', 'search', 'verify', 'controls', 'report', 'finished'] as const;
export type StudyPhase = (typeof STUDY_PHASES)[number];

/** All that decides a study, fixed before it starts. */
export interface StudyPlan {
  /** The space before any refinement. */
  readonly space: SearchSpace;
  /** Each to be met; at least one. */
  readonly budgets: readonly Budget[];
  /** What is made better; its scale is that of the fit. */
  readonly objective: MetricDefinition;
  /** Fixes every draw. */
  readonly seed: number;
  readonly pairs: PairPlan;
  /** How ranges are refined; undefined keeps the space as it is. */
  readonly refinement: RefinementOptions | undefined;
  /** Rounds of refine, sample inside, fit, search, verify. */
  readonly rounds: number;
  /** Distinct candidates that the strategy may have predicted, a round. */
  readonly candidates: number;
  /** Candidates that are really evaluated, a round. */
  readonly finalists: number;
}

export interface PairPlan {
  /** All pairs, those inside the refined space included. */
  readonly count: number;
  /** The share of those of the first sample that have `tieRun` neighbouring layers tied. */
  readonly tiedShare: number;
  readonly tieRun: number;
  /** What is removed lies within this share of what the budget asks to be removed, either way. */
  readonly band: number;
  /** How many of the pairs are labelled inside the refined space, shared out over the rounds. */
  readonly insideCount: number;
}

/**
 * The paper's procedure with an honest refinement (arXiv 2309.09507): half of all pairs are tied, half free, and a quarter,
 * free ones, lie inside the refined space.
 */
export const DEFAULT_PAIRS: PairPlan = { count: 200, tiedShare: 2 / 3, tieRun: 4, band: 0.1, insideCount: 50 };
export const DEFAULT_CANDIDATES = 10_000;
export const DEFAULT_FINALISTS = 18;
