import type { Counts, SearchSpace } from '../space/search-space.js';
import type { PluginManifest } from './plugin.js';
import type { Rng } from './rng.js';

/** Proposes candidates by ask and tell; it sees the space and predictions, never the engine. */
export interface Strategy<Options = unknown> extends PluginManifest<Options> {
  start(problem: SearchProblem, options: Options): StrategyRun;
}

export interface SearchProblem {
  readonly space: SearchSpace;
  /** How many distinct candidates the strategy may have predicted. */
  readonly candidates: number;
  readonly sampler: CandidateSampler;
  /** Really evaluated points of the space with their measured value, on the scale of the fit. */
  readonly evaluated: readonly { readonly counts: Counts; readonly value: number }[];
  readonly rng: Rng;
}

/** Points of the space that meet every budget, by construction. */
export interface CandidateSampler {
  /** A random feasible point; undefined when the space has none. */
  sample(rng: Rng): Counts | undefined;
  /** Whether a point meets every budget. */
  isFeasible(counts: Counts): boolean;
  /** A feasible point near this one, on the budget; undefined when there is none. */
  repair(counts: Counts, rng: Rng): Counts | undefined;
}

export interface StrategyRun {
  /** The next points to be predicted; empty when the strategy has asked for all it wants. */
  ask(): readonly Counts[];
  /** Predictions of the last `ask`, in its order; lower is better. */
  tell(predictions: CandidatePredictions): void;
  /** The best distinct points so far that were not evaluated yet, best first, at most `count`. */
  best(count: number): readonly RankedCandidate[];
}

export interface CandidatePredictions {
  readonly mean: Float64Array;
  readonly deviation?: Float64Array;
}

export interface RankedCandidate {
  readonly counts: Counts;
  /** The predicted value, on the scale of the fit. */
  readonly predicted: number;
}
