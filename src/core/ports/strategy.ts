import type { Counts, SearchSpace } from '../space/search-space.js';
import type { ObjectiveValues } from '../statistics/pareto-fronts.js';
import type { PluginManifest } from './plugin.js';
import type { WorkContext } from './work-context.js';
import type { Rng } from '../random.js';

/** Proposes candidates by ask and tell; it sees the space and predictions, never the engine. */
export interface Strategy<
  Options = unknown,
  Run extends StrategyRun | DeferredRun = StrategyRun | DeferredRun,
  Context extends WorkContext = WorkContext,
> extends PluginManifest<Options> {
  readonly kind: 'strategy';
  /** Whether it looks for the best of one objective only, or also for the front of several. */
  readonly objectives: 'one' | 'any';
  start(problem: SearchProblem, options: Options, context?: Context): Run;
}

export interface SearchProblem {
  readonly space: SearchSpace;
  /** How many distinct candidates the strategy may have predicted. */
  readonly candidates: number;
  readonly sampler: CandidateSampler;
  /** Really evaluated points of the space. */
  readonly evaluated: readonly EvaluatedPoint[];
  readonly rng: Rng;
}

export interface EvaluatedPoint {
  readonly counts: Counts;
  /** The measured values, one per objective, on the scale of predictions; lower is better. */
  readonly values: ObjectiveValues;
}

/** Points of the space that meet every budget, by construction. */
export interface CandidateSampler {
  /** A random feasible point; undefined if the space has none. */
  sample(rng: Rng): Counts | undefined;
  /** Whether a point is one of the space and meets every budget. */
  isFeasible(counts: Counts): boolean;
  /** A feasible point near this one, on the budget; undefined if there is none. */
  repair(counts: Counts, rng: Rng): Counts | undefined;
}

export interface StrategyRun {
  /** The next points to be predicted; empty once the strategy has asked for all it wants. */
  ask(): readonly Counts[];
  /** Predictions of the points of the last `ask`, one entry per objective, at least one. */
  tell(predictions: ObjectivePredictions): void;
  /**
   * The best distinct points so far that were not evaluated yet, best first, at most `count`; with several objectives,
   * points spread over their front. Each must lie in the space and meet every budget (`isFeasible`): another point is
   * refused with PLUGIN_INVALID.
   */
  best(count: number): readonly Counts[];
}

/** A run whose answers come later, such as that of another process. Each call waits for the one before it. */
export interface DeferredRun {
  ask(): Promise<readonly Counts[]>;
  tell(predictions: ObjectivePredictions): Promise<void>;
  best(count: number): Promise<readonly Counts[]>;
  /** Called once, after the last call or in the middle of one, to give free what the run holds. */
  end?(): void;
}

export type ObjectivePredictions = readonly [ObjectivePrediction, ...ObjectivePrediction[]];

/** One value per point; lower is better. */
export interface ObjectivePrediction {
  readonly mean: Float64Array;
  /** Undefined if the predictor has none, or if the value is known exactly. */
  readonly deviation?: Float64Array;
}
