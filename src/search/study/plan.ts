import type { Budget } from '../../core/budget/budget.js';
import { measureCost } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { MetricDefinition } from '../../core/metric.js';
import type { SearchSpace } from '../../core/space/search-space.js';
import type { RefinementOptions } from '../fit/propose-refinement.js';
import { plainObjectives, type Objectives } from '../objectives/objectives.js';

/** The phases of a study, in order. Those from `refine` to `verify` come once per round. */
export const STUDY_PHASES = [
  'score',
  'recipe',
  'sample',
  'fit',
  'refine',
  'search',
  'verify',
  'export',
  'controls',
  'report',
  'finished',
] as const;
export type StudyPhase = (typeof STUDY_PHASES)[number];

/** Those after the last round: the winner is there before anything that it is compared with. */
export const LAST_PHASES = ['export', 'controls', 'report'] as const satisfies readonly StudyPhase[];

/** The controls' names, in the order of reports; DESIGN section 2 defines them. */
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
  /** At least one; an architecture must meet all of them. */
  readonly budgets: readonly Budget[];
  /** The metric that the report is about. A predictor is fitted on its scale. */
  readonly metric: MetricDefinition;
  /** What the study makes better; undefined for `metric` alone. */
  readonly objectives?: Objectives;
  /** Fixes every draw. */
  readonly seed: number;
  /** How many recipes are compared, on the first pairs. */
  readonly recipes: number;
  readonly pairs: PairPlan;
  /** How ranges are refined; undefined keeps the space as it is. */
  readonly refinement: RefinementOptions | undefined;
  /** Rounds of refine, sample inside the refined space, fit, search and verify. */
  readonly rounds: number;
  /** Distinct candidates that the strategy may have predicted, per round. */
  readonly candidates: number;
  /** Candidates that are really evaluated, per round. */
  readonly finalists: number;
  /** Fidelities of verification, cheap to dear; the better half of each moves up to the next (successive halving). */
  readonly verifyRungs: number;
  readonly compensation: CompensationPlan;
  /** Whether the winner is trained before it is written; undefined: no. */
  readonly recovers?: true;
  readonly controls: readonly ControlName[];
  /** Those that are also measured in the paper's recipe. */
  readonly paperControls: readonly UniformControl[];
  /** Phases before which the study pauses until it is resumed, each time that they come. */
  readonly pauseBefore: readonly StudyPhase[];
  /** Finalists at several sizes around the budget, for a line through them; undefined searches at the budget alone. */
  readonly curve: CurvePlan | undefined;
}

export interface PairPlan {
  /** All pairs, those inside the refined space included. */
  readonly count: number;
  /** The share of the first sample that has `tieRun` neighbouring layers tied. */
  readonly tiedShare: number;
  readonly tieRun: number;
  /**
   * The share of the first sample that keeps a random part of the dimensions unpruned, so that the predictor knows
   * pairs with whole layers left alone and need not extrapolate to them.
   */
  readonly sparseShare: number;
  /**
   * The share of the first sample that lies around the best candidate known by then, which needs `levelPoints`. If it
   * is above 0, all pairs of the later rounds lie around the best candidate too.
   */
  readonly nearShare: number;
  /** Whether level points, and what a recipe's scores and errors allocate, are labelled before any other pair. */
  readonly levelPoints: boolean;
  /** What a pair removes differs from what the budget asks to be removed by at most this share of it. */
  readonly band: number;
  /** How many of the pairs are labelled inside the refined space, shared out over the rounds. */
  readonly insideCount: number;
}

/**
 * How the weights of finalists, controls and the output are compensated: as the recipe says, by a fit on the pruned
 * model's own stream, or whichever of the two is better on the verify windows.
 */
export interface CompensationPlan {
  readonly mode: 'one-shot' | 'stream' | 'better';
  /** How many of the best finalists are compensated on their own stream. */
  readonly candidates: number;
}

/** The paper's curve: finalists at several removed shares, each a factor of what the budget removes. */
export interface CurvePlan {
  readonly factors: readonly number[];
  /** Finalists at each factor. */
  readonly finalists: number;
}

/** The paper verifies 18: three at each of six removed shares, evenly from half to one and a half of the budget's. */
export const PAPER_CURVE: CurvePlan = { factors: [0.5, 0.7, 0.9, 1.1, 1.3, 1.5], finalists: 3 };

/** What a study makes better: the objectives of the plan, or its metric alone. */
export function objectivesOf({ metric, objectives }: Pick<StudyPlan, 'metric' | 'objectives'>): Objectives {
  return objectives ?? plainObjectives(metric);
}

/** The budgets that remove `factor` times as much as the study's. */
export function scaleBudgets(
  { space: { shape }, budgets }: Pick<StudyPlan, 'space' | 'budgets'>,
  factor: number,
): Budget[] {
  return budgets.map(({ cost, limit }) => {
    const dense = measureCost(createCostModel(shape, cost), shape.layers);
    return { cost, limit: Math.floor(dense - factor * (dense - limit)) };
  });
}

/** A value of the plan's metric as the predictor is fitted on it. */
export function toFitScale({ metric }: Pick<StudyPlan, 'metric'>, value: number): number {
  return metric.scale === 'log' ? Math.log(value) : value;
}

/** A predicted value in the metric's own unit. */
export function fromFitScale({ metric }: Pick<StudyPlan, 'metric'>, value: number): number {
  return metric.scale === 'log' ? Math.exp(value) : value;
}
