import type { Budget } from '../../core/budget/budget.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import { plainObjectives, type Objectives } from '../objectives/objectives.js';
import type { RefinementOptions } from '../refinement/propose-refinement.js';

/** The phases of a study, in order; from `refine` to `verify` once a round. */
export const STUDY_PHASES = [
  'score',
  'recipe',
  'sample',
  'fit',
  'refine',
  'search',
  'verify',
  'controls',
  'report',
  'finished',
] as const;
export type StudyPhase = (typeof STUDY_PHASES)[number];

/** What a study makes better. */
export function objectivesOf({ metric, objectives }: Pick<StudyPlan, 'metric' | 'objectives'>): Objectives {
  return objectives ?? plainObjectives(metric);
}

/** The controls' names, in the order in which reports have them; DESIGN section 2 defines them. */
export const CONTROL_NAMES = [
  'uniform-paper',
  'uniform-best',
  'global-threshold',
  'calibration-error',
  'random',
] as const;
export type ControlName = (typeof CONTROL_NAMES)[number];
export type UniformControl = Extract<ControlName, 'uniform-paper' | 'uniform-best'>;

/** All that decides a study, fixed before it starts. */
export interface StudyPlan {
  /** The space before any refinement. */
  readonly space: SearchSpace;
  /** Each to be met; at least one. */
  readonly budgets: readonly Budget[];
  /** The metric that the report is about; its scale is that of its fit. */
  readonly metric: MetricDefinition;
  /** What is made better; undefined for `objective` alone. */
  readonly objectives?: Objectives;
  /** Fixes every draw. */
  readonly seed: number;
  /** How many recipes are compared, on the first pairs. */
  readonly recipes: number;
  readonly pairs: PairPlan;
  /** How ranges are refined; undefined keeps the space as it is. */
  readonly refinement: RefinementOptions | undefined;
  /** Rounds of refine, sample inside, fit, search, verify. */
  readonly rounds: number;
  /** Distinct candidates that the strategy may have predicted, a round. */
  readonly candidates: number;
  /** Candidates that are really evaluated, a round. */
  readonly finalists: number;
  /** Fidelities of verification, cheap to dear; after each the better half goes on (successive halving). */
  readonly verifyRungs: number;
  readonly compensation: CompensationPlan;
  readonly controls: readonly ControlName[];
  /** Those measured in the paper's recipe too. */
  readonly paperControls: readonly UniformControl[];
  /** Phases before which the study waits to be told to go on, each time that they come. */
  readonly pauseBefore: readonly StudyPhase[];
  /** Finalists at several sizes around the budget, for a line through them; undefined looks for them at the budget alone. */
  readonly curve: CurvePlan | undefined;
}

export interface PairPlan {
  /** All pairs, those inside the refined space included. */
  readonly count: number;
  /** The share of those of the first sample that have `tieRun` neighbouring layers tied. */
  readonly tiedShare: number;
  readonly tieRun: number;
  /**
   * The share of those of the first sample that hold a random part of the dimensions unpruned, so that pairs with whole
   * layers left alone are known and need not be extrapolated.
   */
  readonly sparseShare: number;
  /** The share of those of the first sample that lie around the best candidate known by then, which needs `levelPoints`; above 0, all of those that come with the rounds do too. */
  readonly nearShare: number;
  /** Whether level points, and what a recipe's scores and errors allocate, are labelled before any other pair. */
  readonly levelPoints: boolean;
  /** What is removed lies within this share of what the budget asks to be removed, either way. */
  readonly band: number;
  /** How many of the pairs are labelled inside the refined space, shared out over the rounds. */
  readonly insideCount: number;
}

/** How finalists, controls and the output are mended: as the recipe says, on the pruned model's own stream, or whichever the verify windows prefer. */
export interface CompensationPlan {
  readonly mode: 'one-shot' | 'stream' | 'better';
  /** How many of the best finalists are mended on their own stream. */
  readonly candidates: number;
}

/** The paper's curve: finalists at several removed shares, each a factor of what the budget removes. */
export interface CurvePlan {
  readonly factors: readonly number[];
  /** Finalists at each. */
  readonly finalists: number;
}

/** Of the first sample seven tenths lie around the best level point, and a tenth each is tied, sparse and free; a quarter of all pairs comes with the rounds, around the best so far. */
export const DEFAULT_PAIRS: PairPlan = {
  count: 120,
  tiedShare: 0.1,
  tieRun: 4,
  sparseShare: 0.1,
  nearShare: 0.7,
  levelPoints: true,
  band: 0.1,
  insideCount: 30,
};
export const DEFAULT_ROUNDS = 3;
export const DEFAULT_CANDIDATES = 10_000;
/** Of all rounds together. */
export const DEFAULT_FINALISTS = 18;
export const DEFAULT_STREAM_CANDIDATES = 3;

/** The paper verifies 18: three at each of six removed shares, evenly from half to one and a half of the budget's. */
export const PAPER_CURVE: CurvePlan = { factors: [0.5, 0.7, 0.9, 1.1, 1.3, 1.5], finalists: 3 };
